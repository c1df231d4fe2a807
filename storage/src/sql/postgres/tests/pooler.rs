//! A pgbouncer between the engine and the server, which gives each transaction another connection.

use crate::PostgresOptions;
use crate::sql::tests::harness::{Engine, one, patient, run, run_with};
use crate::sql::{Database, Value};
use crate::test_server::Server;
use crate::test_server::pooler::Pooler;

/// Nodes whose statements were prepared under the same names would get each other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooler_is_noticed_and_nothing_is_prepared_under_a_name() {
    let server = Server::start();
    let pooler = Pooler::to(server.socket());
    let nodes = [(); 2].map(|()| Database::open_postgres(&pooler.url(), &patient()).unwrap());
    let tasks = (0..200_i64).map(|number| {
        let mut session = nodes[usize::try_from(number % 2).unwrap()].session();
        tokio::spawn(async move {
            let query = format!("SELECT ?1 + {}", number % 7);
            let rows = run_with(&mut session, &query, vec![Value::Integer(number)]).await;
            let sum = Value::Integer(number + number % 7);
            assert_eq!(rows.unwrap().rows, [[sum]]);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let url = pooler.url();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..5 {
        let query = "SELECT name FROM pg_prepared_statements";
        let names = client.simple_query(query).await.unwrap();
        let has_rows = names
            .iter()
            .any(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_)));
        assert!(!has_rows, "{names:?}");
    }
}

#[tokio::test]
async fn columns_of_any_kind_come_back_through_a_pooler() {
    let fixture = Engine::Pooled.fixture().await;
    let mut session = fixture.database.session();
    let table = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)";
    run(&mut session, table).await.unwrap();
    run(
        &mut session,
        "INSERT INTO item (name) VALUES ('a'), ('b'), (NULL)",
    )
    .await
    .unwrap();
    let mixed = "SELECT CASE id WHEN 1 THEN id WHEN 2 THEN name ELSE 0.5 END FROM item ORDER BY id";
    for _ in 0..3 {
        let rows = run(&mut session, mixed).await.unwrap().rows;
        let expected = [[Value::Integer(1)], [Value::from("b")], [Value::Real(0.5)]];
        assert_eq!(rows, expected);
    }
    let count = one(&mut session, "SELECT count(*) FROM item").await;
    assert_eq!(count, Value::Integer(3));
}

/// A pooler that does not follow prepared statements, of which the settings say that it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_statements_that_a_pooler_loses_run_without_a_name() {
    let server = Server::start();
    let pooler = Pooler::to(server.socket());
    let options = PostgresOptions {
        prepared: Some(true),
        ..patient()
    };
    let database = Database::open_postgres(&pooler.url(), &options).unwrap();
    let tasks = (0..100_i64).map(|number| {
        let mut session = database.session();
        tokio::spawn(async move {
            let query = format!("SELECT ?1 + {}", number % 3);
            let rows = run_with(&mut session, &query, vec![Value::Integer(number)]).await;
            let sum = Value::Integer(number + number % 3);
            assert_eq!(rows.unwrap().rows, [[sum]]);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
