//! What is refused when a database is opened, and how.

use std::net::TcpListener;

use tokio_postgres::{Client, NoTls};

use crate::OpenError;
use crate::sql::Database;
use crate::sql::Value;
use crate::sql::tests::harness::{one, patient, run};
use crate::test_server::Server;

/// A connection of an administrator.
async fn administrator(server: &Server) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn refused(url: &str) -> OpenError {
    let error = Database::open_postgres(url, &patient()).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
    error
}

#[tokio::test]
async fn wrong_servers_users_and_databases_are_told_apart() {
    let server = Server::start();
    let url = server.url();
    let other = refused(&url.replace("/postgres", "/absent"));
    assert!(
        matches!(other, OpenError::NoSuchDatabase { .. }),
        "{other:?}"
    );
    let other = refused(&url.replace("terrace@", "nobody:hush@"));
    assert!(matches!(other, OpenError::Denied { .. }), "{other:?}");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let other = refused(&format!("postgres://app:hush@{closed}/app"));
    assert!(matches!(other, OpenError::Unreachable { .. }), "{other:?}");
    let other = refused("postgres://app:hush@/app?host=");
    assert!(
        matches!(other, OpenError::Url { .. } | OpenError::Unreachable { .. }),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused() {
    let server = Server::with(&["default_transaction_read_only=on"]);
    let error = refused(&server.url());
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
}

#[tokio::test]
async fn a_user_without_rights_is_refused_and_nothing_is_left() {
    let server = Server::start();
    let administrator = administrator(&server).await;
    administrator
        .batch_execute("CREATE USER app; REVOKE CREATE ON DATABASE postgres FROM PUBLIC")
        .await
        .unwrap();
    let url = server.url().replace("terrace@", "app@");
    let error = refused(&url);
    assert!(matches!(error, OpenError::Rights { .. }), "{error:?}");
    administrator
        .batch_execute(
            "GRANT CREATE ON DATABASE postgres TO app; GRANT CREATE ON SCHEMA public TO app",
        )
        .await
        .unwrap();
    let database = Database::open_postgres(&url, &patient()).unwrap();
    let mut session = database.session();
    run(&mut session, "CREATE TABLE item (id INTEGER PRIMARY KEY)")
        .await
        .unwrap();
    let count = one(&mut session, "SELECT count(*) FROM item").await;
    assert_eq!(count, Value::Integer(0));
}

#[tokio::test]
async fn a_database_is_opened_again_with_its_schema() {
    let server = Server::start();
    for expected in 0..2 {
        let database = Database::open_postgres(&server.url(), &patient()).unwrap();
        let mut session = database.session();
        run(
            &mut session,
            "CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT)",
        )
        .await
        .unwrap();
        let count = one(&mut session, "SELECT count(*) FROM item").await;
        assert_eq!(count, Value::Integer(expected));
        run(&mut session, "INSERT INTO item (name) VALUES ('a')")
            .await
            .unwrap();
    }
}
