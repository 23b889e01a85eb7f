import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.util.Properties;

/** Counts what pgjdbc's getColumns says of all tables of schema public. */
class Columns {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("sslmode", "disable");
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT")
            + "/" + System.getenv("PGDATABASE");
        int count = 0;
        try (Connection connection = DriverManager.getConnection(url, properties);
                ResultSet rows = connection.getMetaData().getColumns(null, "public", "%", "%")) {
            while (rows.next()) {
                count++;
            }
        }
        System.out.println(count);
    }
}
