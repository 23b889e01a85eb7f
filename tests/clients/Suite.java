import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;

/** pgjdbc. Connects by the PG* variables; prints {@code ok NAME} or {@code not ok NAME: message}. */
public class Suite {
    interface Body { void run(Connection c) throws Exception; }

    static final Map<String, Body> CASES = new LinkedHashMap<>();

    static Connection connect(Map<String, String> more) throws SQLException {
        Map<String, String> env = System.getenv();
        Properties p = new Properties();
        p.setProperty("user", env.get("PGUSER"));
        if (env.containsKey("PGPASSWORD")) p.setProperty("password", env.get("PGPASSWORD"));
        if (env.containsKey("PGSSLROOTCERT")) p.setProperty("sslrootcert", env.get("PGSSLROOTCERT"));
        p.setProperty("sslmode", env.get("PGSSLMODE"));
        p.setProperty("connectTimeout", "10");
        p.setProperty("socketTimeout", "30");
        more.forEach(p::setProperty);
        String url = "jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE");
        return DriverManager.getConnection(url, p);
    }

    static void check(Object got, Object expected) {
        boolean same = got instanceof byte[] g ? Arrays.equals(g, (byte[]) expected) : Objects.equals(got, expected);
        if (!same) throw new AssertionError("got " + got + ", expected " + expected);
    }

    static void fails(Connection c, String sql, String state, String constraint) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute(sql);
        } catch (PSQLException e) {
            check(e.getSQLState(), state);
            if (constraint != null) check(e.getServerErrorMessage().getConstraint(), constraint);
            return;
        }
        throw new AssertionError(sql + " did not fail");
    }

    static void execute(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) { s.execute(sql); }
    }

    static long number(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) { r.next(); return r.getLong(1); }
    }

    static void types(Connection c) throws SQLException {
        Object[][] values = {
            {"bool", true}, {"int2", 5}, {"int4", 70000}, {"int8", 1L << 40}, {"float4", 1.5f}, {"float8", 0.1},
            {"numeric", new BigDecimal("10.25")}, {"text", "Größe"}, {"varchar", "x"}, {"bytea", new byte[] {0, -1}},
            {"date", LocalDate.of(2024, 2, 29)}, {"time", LocalTime.of(1, 2, 3)},
            {"timestamp", LocalDateTime.of(2024, 2, 29, 1, 2, 3)},
            {"timestamptz", OffsetDateTime.parse("2024-02-29T01:02:03Z")},
            {"uuid", UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")},
        };
        for (Object[] pair : values) {
            try (PreparedStatement s = c.prepareStatement("SELECT ?::" + pair[0] + ", ?::" + pair[0])) {
                // Run often enough for the driver to name the statement and go over to binary.
                for (int n = 0; n < 8; n++) {
                    s.setObject(1, pair[1]);
                    s.setObject(2, null);
                    try (ResultSet r = s.executeQuery()) {
                        r.next();
                        Object got = pair[1] instanceof byte[] ? r.getBytes(1) : r.getObject(1, pair[1].getClass());
                        check(got, pair[1]);
                        check(r.getObject(2), null);
                    }
                }
            }
        }
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(
                "SELECT '{\"a\": 1}'::jsonb, '1 day 02:00:00'::interval, ARRAY[1,2,NULL]::int4[], '{a,\"b c\"}'::text[]")) {
            r.next();
            check(r.getString(1), "{\"a\": 1}");
            check(((org.postgresql.util.PGInterval) r.getObject(2)).getDays(), 1);
            check(Arrays.asList((Object[]) r.getArray(3).getArray()), Arrays.asList(1, 2, null));
            check(Arrays.asList((Object[]) r.getArray(4).getArray()), Arrays.asList("a", "b c"));
        }
    }

    static {
        CASES.put("types", Suite::types);
        CASES.put("numericScale", c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT ?::numeric")) {
                s.setBigDecimal(1, new BigDecimal("10.50"));
                try (ResultSet r = s.executeQuery()) { r.next(); check(r.getBigDecimal(1), new BigDecimal("10.50")); }
            }
        });
        CASES.put("columns", c -> {
            execute(c, "DROP TABLE IF EXISTS jdbc");
            execute(c, "CREATE TABLE jdbc (id serial PRIMARY KEY, b bool, n numeric(10,2), t timestamp, raw bytea, a int4[])");
            try (PreparedStatement s = c.prepareStatement("INSERT INTO jdbc (b, n, t, raw, a) VALUES (?, ?, ?, ?, ?)",
                    Statement.RETURN_GENERATED_KEYS)) {
                for (int n = 1; n < 8; n++) {
                    s.setBoolean(1, n % 2 == 0);
                    s.setBigDecimal(2, new BigDecimal(n + ".5"));
                    s.setTimestamp(3, Timestamp.valueOf("2024-02-29 12:00:00"));
                    s.setBytes(4, new byte[] {(byte) n});
                    s.setArray(5, c.createArrayOf("int4", new Integer[] {n, null}));
                    check(s.executeUpdate(), 1);
                    try (ResultSet keys = s.getGeneratedKeys()) { keys.next(); check(keys.getInt("id"), n); }
                }
            }
            try (PreparedStatement s = c.prepareStatement("SELECT * FROM jdbc WHERE n > ? ORDER BY id")) {
                s.setBigDecimal(1, new BigDecimal("6"));
                try (ResultSet r = s.executeQuery()) {
                    check(r.getMetaData().getColumnTypeName(3), "numeric");
                    check(r.getMetaData().getColumnType(2), Types.BIT);
                    r.next();
                    check(r.getBigDecimal("n"), new BigDecimal("6.50"));
                    check(r.getTimestamp("t"), Timestamp.valueOf("2024-02-29 12:00:00"));
                    check(r.getBytes("raw"), new byte[] {6});
                }
            }
            execute(c, "DROP TABLE jdbc");
        });
        CASES.put("fetchSize", c -> {
            c.setAutoCommit(false);
            try (PreparedStatement s = c.prepareStatement("SELECT \"InvoiceId\" FROM \"Invoice\" ORDER BY 1")) {
                s.setFetchSize(50);
                long sum = 0;
                try (ResultSet r = s.executeQuery()) { while (r.next()) sum += r.getLong(1); }
                check(sum, 412L * 413 / 2);
            }
            c.commit();
        });
        CASES.put("maxRows", c -> {
            try (Statement s = c.createStatement()) {
                s.setMaxRows(3);
                int n = 0;
                try (ResultSet r = s.executeQuery("SELECT * FROM \"Product\"")) { while (r.next()) n++; }
                check(n, 3);
            }
        });
        CASES.put("batch", c -> {
            execute(c, "DROP TABLE IF EXISTS jdbc");
            execute(c, "CREATE TABLE jdbc (id int4 PRIMARY KEY, name text NOT NULL)");
            try (PreparedStatement s = c.prepareStatement("INSERT INTO jdbc VALUES (?, ?)")) {
                for (int n = 0; n < 500; n++) { s.setInt(1, n); s.setString(2, "n" + n); s.addBatch(); }
                check(s.executeBatch().length, 500);
                s.setInt(1, 1000); s.setString(2, "x"); s.addBatch();
                s.setInt(1, 1); s.setString(2, "x"); s.addBatch();
                try {
                    s.executeBatch();
                    throw new AssertionError("the batch did not fail");
                } catch (BatchUpdateException e) {
                    check(e.getSQLState(), "23505");
                }
            }
            check(number(c, "SELECT count(*) FROM jdbc"), 500L);
            execute(c, "DROP TABLE jdbc");
        });
        CASES.put("transactions", c -> {
            execute(c, "DROP TABLE IF EXISTS jdbc");
            execute(c, "CREATE TABLE jdbc (id int4 PRIMARY KEY, name text NOT NULL)");
            c.setAutoCommit(false);
            execute(c, "INSERT INTO jdbc VALUES (1, 'a')");
            Savepoint mark = c.setSavepoint("mark");
            fails(c, "INSERT INTO jdbc VALUES (1, 'b')", "23505", "jdbc_pkey");
            fails(c, "SELECT 1", "25P02", null);
            c.rollback(mark);
            c.commit();
            execute(c, "DELETE FROM jdbc");
            c.rollback();
            check(number(c, "SELECT count(*) FROM jdbc"), 1L);
            c.commit();
            c.setReadOnly(true);
            fails(c, "DELETE FROM jdbc", "25006", null);
            c.rollback();
            c.setReadOnly(false);
            c.setAutoCommit(true);
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            check(c.getTransactionIsolation(), Connection.TRANSACTION_SERIALIZABLE);
            execute(c, "DROP TABLE jdbc");
        });
        CASES.put("errors", c -> {
            fails(c, "SELECT * FROM nowhere", "42P01", null);
            fails(c, "SELECT nothing FROM \"Country\"", "42703", null);
            fails(c, "SELEC", "42601", null);
            fails(c, "SELECT 1/0", "22012", null);
            fails(c, "SELECT 'x'::int", "22P02", null);
            fails(c, "INSERT INTO \"Country\" VALUES ('DE', 'x', 'EUR')", "23505", "Country_pkey");
            fails(c, "INSERT INTO \"Country\" VALUES ('XX', NULL, 'EUR')", "23502", null);
            fails(c, "UPDATE \"Product\" SET \"Price\" = -1", "23514", "CK_Product_Price");
            fails(c, "INSERT INTO \"Invoice\" VALUES (9999, 9999, '2024-01-01', 1, false)", "23503", "FK_Invoice_Customer");
            check(number(c, "SELECT 1"), 1L);
        });
        CASES.put("cancelAndTimeout", c -> {
            try (Statement s = c.createStatement()) {
                new Timer(true).schedule(new TimerTask() {
                    public void run() { try { s.cancel(); } catch (SQLException e) { throw new RuntimeException(e); } }
                }, 300);
                s.execute("SELECT pg_sleep(20)");
                throw new AssertionError("was not cancelled");
            } catch (SQLException e) {
                check(e.getSQLState(), "57014");
            }
            try (Statement s = c.createStatement()) {
                s.setQueryTimeout(1);
                s.execute("SELECT pg_sleep(20)");
                throw new AssertionError("did not time out");
            } catch (SQLException e) {
                check(e.getSQLState(), "57014");
            }
            check(number(c, "SELECT 1"), 1L);
        });
        CASES.put("copy", c -> {
            execute(c, "DROP TABLE IF EXISTS jdbc");
            execute(c, "CREATE TABLE jdbc (id int4 PRIMARY KEY, name text)");
            var api = c.unwrap(PGConnection.class).getCopyAPI();
            check(api.copyIn("COPY jdbc FROM STDIN WITH (FORMAT csv)", new StringReader("1,a\n2,\n")), 2L);
            StringWriter out = new StringWriter();
            check(api.copyOut("COPY jdbc TO STDOUT", out), 2L);
            check(out.toString(), "1\ta\n2\t\\N\n");
            execute(c, "DROP TABLE jdbc");
        });
        CASES.put("notifications", c -> {
            execute(c, "LISTEN jdbc_news");
            try (Connection other = connect(Map.of())) { execute(other, "NOTIFY jdbc_news, 'hello'"); }
            var got = c.unwrap(PGConnection.class).getNotifications(5000);
            check(got.length, 1);
            check(got[0].getParameter(), "hello");
        });
        CASES.put("any", c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT count(*) FROM \"Country\" WHERE \"Code\" = ANY(?)")) {
                s.setArray(1, c.createArrayOf("text", new String[] {"DE", "JP", "XX"}));
                try (ResultSet r = s.executeQuery()) { r.next(); check(r.getInt(1), 2); }
            }
        });
        CASES.put("simpleMode", c -> {
            try (Connection simple = connect(Map.of("preferQueryMode", "simple"));
                 PreparedStatement s = simple.prepareStatement("SELECT ?::int + 1, ?")) {
                s.setInt(1, 41);
                s.setString(2, "it's");
                try (ResultSet r = s.executeQuery()) { r.next(); check(r.getInt(1), 42); check(r.getString(2), "it's"); }
            }
        });
        CASES.put("metadata", c -> {
            DatabaseMetaData m = c.getMetaData();
            check(m.getDatabaseProductName(), "PostgreSQL");
            check(m.getDatabaseMajorVersion(), 15);
            check(c.isValid(5), true);
            check(c.getCatalog(), System.getenv("PGDATABASE"));
            check(c.getSchema(), "public");
        });
    }

    public static void main(String[] args) {
        CASES.forEach((name, body) -> {
            try (Connection c = connect(Map.of())) {
                body.run(c);
                System.out.println("ok " + name);
            } catch (Throwable e) {
                StackTraceElement at = Arrays.stream(e.getStackTrace()).filter(f -> f.getClassName().equals("Suite"))
                    .reduce((a, b) -> a.getMethodName().equals("check") ? b : a).orElse(null);
                System.out.println("not ok " + name + ": " + String.valueOf(e).replaceAll("\\s+", " ") + " at " + at);
            }
        });
    }
}
