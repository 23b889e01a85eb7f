//! Runs a statement on a served file with a Postgres driver, as any program would.
//!
//! `cargo run --example query -- "host=127.0.0.1 user=me dbname=app" "SELECT 1 AS one"`

#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::error::Error;
use tokio_postgres::{NoTls, SimpleQueryMessage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(sql)) = (arguments.next(), arguments.next()) else {
        return Err("usage: query CONNECTION STATEMENT".into());
    };
    let (client, connection) = tokio_postgres::connect(&server, NoTls).await?;
    let driver = tokio::spawn(connection);

    for message in client.simple_query(&sql).await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
                println!("{}", names.join(" | "));
            }
            SimpleQueryMessage::Row(row) => {
                let values: Vec<&str> =
                    (0..row.len()).map(|i| row.get(i).unwrap_or("null")).collect();
                println!("{}", values.join(" | "));
            }
            SimpleQueryMessage::CommandComplete(rows) => println!("({rows} rows)"),
            _ => {}
        }
    }
    drop(client);
    driver.await??;
    Ok(())
}
