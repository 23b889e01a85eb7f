//! What sqlx sees of the database that `DATABASE_URL` names, a line per step: run against egret and
//! against PostgreSQL, both must print the same.

use sqlx::postgres::{PgConnection, PgPoolCopyExt, PgPoolOptions, PgRow};
use sqlx::{Column, Connection, Error, Executor, Row, Statement, TypeInfo};

type Outcome = Result<(), Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL names a database");
    let mut connection = PgConnection::connect(&url).await?;
    queries(&mut connection).await?;
    describe(&mut connection).await?;
    transactions(&mut connection).await?;
    errors(&mut connection).await;
    connection.close().await?;
    copy(&url).await
}

/// Parameters and values in binary.
async fn queries(connection: &mut PgConnection) -> Outcome {
    let sql = r#"SELECT "ArtistId", "Name", "isActive", "Photo" FROM "Artist" WHERE "ArtistId" > $1 ORDER BY 1"#;
    let rows = sqlx::query(sql).bind(1_i64).fetch_all(&mut *connection).await?;
    for row in &rows {
        println!("{:?}", (
            row.get::<i64, _>(0), row.get::<String, _>("Name"), row.get::<bool, _>(2),
            row.get::<Option<Vec<u8>>, _>(3),
        ));
    }
    let count: (i64,) = sqlx::query_as(r#"SELECT count(*) FROM "Album""#).fetch_one(&mut *connection).await?;
    let real: Option<f64> = sqlx::query_scalar("SELECT $1::float8 * 2").bind(1.25_f64).fetch_one(&mut *connection).await?;
    let none = sqlx::query("SELECT 1 FROM pairs WHERE a = $1").bind("nobody").fetch_optional(&mut *connection).await?;
    println!("{count:?} {real:?} {}", none.is_none());
    let done = connection.execute("CREATE TABLE made (id INT PRIMARY KEY, t TEXT); INSERT INTO made VALUES (1, 'a'), (2, NULL)").await?;
    println!("{}", done.rows_affected());
    let listed = sqlx::query_scalar::<_, i64>(r#"SELECT "ArtistId" FROM "Artist" WHERE "ArtistId" = ANY($1) ORDER BY 1"#)
        .bind(vec![1_i64, 4]).fetch_all(&mut *connection).await?;
    println!("{listed:?}");
    Ok(())
}

/// What `query!()` asks when it is compiled: parameters, columns, and which of them may be NULL.
async fn describe(connection: &mut PgConnection) -> Outcome {
    for sql in [
        r#"SELECT * FROM "Artist" WHERE "Name" = $1 AND "ArtistId" > $2"#,
        r#"INSERT INTO "Album" ("AlbumId", "Title", "ArtistId") VALUES ($1, $2, $3) RETURNING "AlbumId""#,
        "UPDATE pairs SET d = $1 WHERE a = $2",
        r#"SELECT count(*) AS n, max("Title") AS last FROM "Album""#,
        "SELECT * FROM strict_one",
        "SELECT 1 AS one, NULL AS nothing, now() AS at",
    ] {
        let described = (&mut *connection).describe(sql).await?;
        let columns: Vec<_> = described.columns().iter().map(|c| (c.name(), c.type_info().name())).collect();
        let nullable: Vec<_> = (0..columns.len()).map(|i| described.nullable(i)).collect();
        println!("{:?} {columns:?} {nullable:?}", described.parameters());
        let statement = (&mut *connection).prepare(sql).await?;
        println!("{:?}", statement.parameters());
    }
    let sql = r#"SELECT a."Title", r."Name" FROM "Album" a LEFT JOIN "Artist" r USING ("ArtistId")"#;
    let described = (&mut *connection).describe(sql).await?;
    println!("outer join: {:?} {:?}", described.nullable(0), described.nullable(1));
    Ok(())
}

/// What is rolled back is gone, what a savepoint holds as well.
async fn transactions(connection: &mut PgConnection) -> Outcome {
    let mut outer = connection.begin().await?;
    sqlx::query("INSERT INTO made VALUES ($1, $2)").bind(3_i32).bind("c").execute(&mut *outer).await?;
    let mut inner = outer.begin().await?;
    sqlx::query("DELETE FROM made").execute(&mut *inner).await?;
    inner.rollback().await?;
    outer.commit().await?;
    let mut dropped = connection.begin().await?;
    dropped.execute("DELETE FROM made").await?;
    drop(dropped);
    let rows = connection.fetch_all("SELECT id, t FROM made ORDER BY id").await?;
    println!("{:?}", rows.iter().map(pair).collect::<Vec<_>>());
    Ok(())
}

fn pair(row: &PgRow) -> (i32, Option<String>) {
    (row.get(0), row.get(1))
}

/// The SQLSTATE of what is refused, and the kind that sqlx makes of it.
async fn errors(connection: &mut PgConnection) {
    for sql in ["INSERT INTO made VALUES (1, 'x')", "SELECT * FROM nowhere", "SELEC 1", "SELECT 1/0"] {
        match connection.execute(sql).await {
            Err(Error::Database(error)) => println!("{:?} {:?}", error.code(), error.kind()),
            other => println!("{other:?}"),
        }
    }
}

/// Rows in and out by COPY, from a pool.
async fn copy(url: &str) -> Outcome {
    let pool = PgPoolOptions::new().max_connections(2).connect(url).await?;
    let mut copy = pool.copy_in_raw("COPY made FROM STDIN").await?;
    copy.send("7\tseven\n8\t\\N\n".as_bytes()).await?;
    println!("{}", copy.finish().await?);
    let rows = pool.fetch_all("SELECT id, t FROM made ORDER BY id").await?;
    println!("{:?}", rows.iter().map(pair).collect::<Vec<_>>());
    pool.execute("DROP TABLE made").await?;
    pool.close().await;
    Ok(())
}
