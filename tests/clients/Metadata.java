import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;

/** Prints all that pgjdbc's DatabaseMetaData says of the tables of schema public. */
class Metadata {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("sslmode", "disable");
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT")
            + "/" + System.getenv("PGDATABASE");
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            DatabaseMetaData data = connection.getMetaData();
            withoutArguments(data);
            List<String> tables = new ArrayList<>();
            try (ResultSet rows = data.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})) {
                while (rows.next()) {
                    tables.add(rows.getString("TABLE_NAME"));
                }
            }
            Collections.sort(tables);
            overAll(data);
            for (String table : tables) {
                ofOne(connection, data, table);
            }
        }
    }

    /** Every method without arguments. */
    static void withoutArguments(DatabaseMetaData data) throws Exception {
        Method[] methods = DatabaseMetaData.class.getMethods();
        Arrays.sort(methods, Comparator.comparing(Method::getName));
        for (Method method : methods) {
            String name = method.getName();
            // What is different because the servers are.
            if (method.getParameterCount() > 0 || name.equals("getConnection") || name.equals("getURL")
                || name.equals("getDatabaseProductVersion") || name.equals("getDatabaseMinorVersion")) {
                continue;
            }
            try {
                Object value = method.invoke(data);
                if (value instanceof ResultSet) {
                    print(name, (ResultSet) value);
                } else {
                    System.out.println(name + ": " + value);
                }
            } catch (InvocationTargetException error) {
                if (!(error.getCause() instanceof SQLException)) {
                    throw error;
                }
                System.out.println(name + ": " + ((SQLException) error.getCause()).getSQLState());
            }
        }
    }

    static void overAll(DatabaseMetaData data) throws SQLException {
        print("tables", data.getTables(null, "public", null, null));
        print("quoted tables", data.getTables(null, null, "%\"%", null));
        print("columns", data.getColumns(null, "public", "%", "%"));
        print("no tables", data.getTables(null, "nowhere", "%", null));
        print("schemas", data.getSchemas(null, "pub%"));
        print("types", data.getUDTs(null, "public", "%", null));
        print("procedures", data.getProcedures(null, "public", "%"));
        print("functions", data.getFunctions(null, "public", "%"));
        print("function columns", data.getFunctionColumns(null, "public", "%", "%"));
        print("procedure columns", data.getProcedureColumns(null, "public", "%", "%"));
    }

    static void ofOne(Connection connection, DatabaseMetaData data, String table) throws SQLException {
        System.out.println("== " + table);
        print("keys", data.getPrimaryKeys(null, "public", table));
        print("imported", data.getImportedKeys(null, "public", table));
        print("exported", data.getExportedKeys(null, "public", table));
        print("indexes", data.getIndexInfo(null, "public", table, false, true));
        print("unique", data.getIndexInfo(null, null, table, true, false));
        print("best row", data.getBestRowIdentifier(null, "public", table,
            DatabaseMetaData.bestRowSession, true));
        print("versions", data.getVersionColumns(null, "public", table));
        String quoted = "\"" + table.replace("\"", "\"\"") + "\"";
        try (ResultSet rows = connection.createStatement().executeQuery(
                "SELECT * FROM public." + quoted + " LIMIT 0")) {
            ResultSetMetaData about = rows.getMetaData();
            for (int i = 1; i <= about.getColumnCount(); i++) {
                System.out.println(String.join(" | ", about.getColumnName(i), about.getTableName(i),
                    about.getSchemaName(i), about.getColumnTypeName(i), about.getColumnClassName(i),
                    "" + about.getPrecision(i), "" + about.getScale(i), "" + about.isNullable(i),
                    "" + about.isAutoIncrement(i), "" + about.isSigned(i)));
            }
        }
    }

    /** Rows under their column's names, in an order of our own. */
    static void print(String name, ResultSet rows) throws SQLException {
        System.out.println("-- " + name);
        ResultSetMetaData about = rows.getMetaData();
        List<String> lines = new ArrayList<>();
        while (rows.next()) {
            StringBuilder line = new StringBuilder();
            for (int i = 1; i <= about.getColumnCount(); i++) {
                String column = about.getColumnLabel(i);
                // How much there is differs with how it is stored.
                if (!column.equals("PAGES") && !column.equals("CARDINALITY")) {
                    line.append(column).append('=').append(rows.getString(i)).append(' ');
                }
            }
            lines.add(line.toString());
        }
        rows.close();
        Collections.sort(lines);
        lines.forEach(System.out::println);
    }
}
