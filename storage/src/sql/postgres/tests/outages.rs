//! A server that is gone, and connections that break.

use crate::EngineFailure;
use crate::sql::tests::harness::{Engine, count, one, run};
use crate::sql::{Database, Error, Session, Value};
use crate::test_server::Server;

async fn until_available(session: &mut Session) {
    loop {
        match run(session, "SELECT 1").await {
            Ok(_) => return,
            Err(Error::Engine(EngineFailure::Unavailable { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn killed_server_fails_statements_and_is_found_again() {
    let mut fixture = Engine::Postgres.with_items().await;
    let database: Database = fixture.database.clone();
    let mut session = database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('kept')")
        .await
        .unwrap();
    let mut open = database.session();
    run(&mut open, "BEGIN").await.unwrap();
    run(&mut open, "INSERT INTO item (name) VALUES ('lost')")
        .await
        .unwrap();
    let server: &mut Server = fixture.server.as_mut().unwrap();
    server.kill();
    for _ in 0..20 {
        let failed = run(&mut session, "SELECT name FROM item")
            .await
            .unwrap_err();
        let failure = failed.engine_failure().unwrap();
        assert!(
            matches!(failure, EngineFailure::Unavailable { .. }),
            "{failure:?}"
        );
    }
    server.restart();
    until_available(&mut session).await;
    assert_eq!(
        one(&mut session, "SELECT name FROM item").await,
        "kept".into()
    );
    run(&mut open, "SELECT 1").await.unwrap_err();
    assert_eq!(run(&mut open, "COMMIT").await, Err(Error::TransactionLost));
    assert_eq!(count(&mut open).await, 1);
}

#[tokio::test]
async fn connection_that_the_server_ended_is_replaced() {
    let fixture = Engine::Postgres.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    let url = fixture.server.as_ref().unwrap().url();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..5 {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name LIKE 'terrace %'";
        client.batch_execute(end).await.unwrap();
        let name = one(&mut session, "SELECT name FROM item").await;
        assert_eq!(name, Value::from("a"));
    }
}
