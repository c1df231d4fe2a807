//! What is refused before anything is changed.

use super::{Fixture, filled, moved, opened, traces};
use crate::sql::tests::harness::{run, run_with};
use crate::sql::transfer::{Finding, MoveError, Place, plan};
use crate::sql::{Session, Value};

fn raw(fixture: &Fixture) -> rusqlite::Connection {
    rusqlite::Connection::open(fixture.folder.path().join("old.db")).unwrap()
}

fn findings(error: MoveError) -> Vec<Finding> {
    match error {
        MoveError::Findings { findings, count } => {
            assert_eq!(findings.len(), count);
            findings
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn values_that_the_target_cannot_hold_are_listed_with_table_key_and_column() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    let writer = raw(&fixture);
    writer
        .execute_batch(
            "INSERT INTO item (id, name) VALUES (7, 'a' || char(0) || 'b'), (8, CAST(x'ff41' AS TEXT)); \
             INSERT INTO item (id, price) VALUES (9, 'cheap'); \
             INSERT INTO item (id, name) VALUES (10, printf('%.*c', 3000, 'x')); \
             PRAGMA foreign_keys = OFF; INSERT INTO part (item, place) VALUES (99, 'lost'); \
             UPDATE noted SET made = 'many' WHERE id = 2",
        )
        .unwrap();
    for error in [
        plan(&file, &server).await.unwrap_err(),
        moved(&file, &server).await.unwrap_err(),
    ] {
        let found = findings(error);
        let places = found.iter().map(|finding| {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            (
                finding.table.clone(),
                part(&finding.key),
                part(&finding.column),
            )
        });
        let expected = [
            ("item", "7", "name"),
            ("item", "8", "name"),
            ("item", "9", "price"),
            ("item", "10", "name"),
            ("noted", "2", "made"),
            ("part", "", ""),
        ];
        let expected = expected
            .map(|(table, key, column)| (table.to_owned(), key.to_owned(), column.to_owned()));
        assert_eq!(places.collect::<Vec<_>>(), expected, "{found:?}");
    }
    assert_eq!(traces(&fixture.folder.path().join("old.db")), 0);
}

#[tokio::test]
async fn tables_that_the_target_cannot_hold_are_listed() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    raw(&fixture)
        .execute_batch("CREATE TABLE any (value); CREATE TABLE late (at DATETIME)")
        .unwrap();
    let found = findings(plan(&file, &server).await.unwrap_err());
    let tables: Vec<_> = found.iter().map(|finding| &finding.table[..]).collect();
    assert_eq!(
        tables,
        [
            "CREATE TABLE any (value)",
            "CREATE TABLE late (at DATETIME)"
        ]
    );
}

#[tokio::test]
async fn a_large_table_without_a_key_is_refused() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    raw(&fixture)
        .execute_batch(
            "INSERT INTO line WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) SELECT 'x' FROM n",
        )
        .unwrap();
    let error = moved(&file, &server).await.unwrap_err();
    assert!(
        matches!(&error, MoveError::NoKey { table, .. } if table == "line"),
        "{error:?}"
    );
}

#[tokio::test]
async fn wrong_places_are_refused() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    let error = moved(&file, &fixture.file("new.db")).await.unwrap_err();
    assert!(matches!(error, MoveError::NoServer), "{error:?}");
    let error = moved(&server, &server).await.unwrap_err();
    assert!(matches!(error, MoveError::SameDatabase { .. }), "{error:?}");
    let Place::Postgres { url, options } = &server else {
        panic!("it is on the server");
    };
    let absent = Place::Postgres {
        url: url.replace("/postgres", "/absent"),
        options: options.clone(),
    };
    let error = moved(&file, &absent).await.unwrap_err();
    assert!(matches!(error, MoveError::Open(_)), "{error:?}");
    let target = opened(&server);
    run(
        &mut target.session(),
        "CREATE TABLE mine (id INTEGER PRIMARY KEY)",
    )
    .await
    .unwrap();
    let error = moved(&file, &server).await.unwrap_err();
    assert!(
        matches!(&error, MoveError::NotEmpty { found, .. } if found.contains("mine")),
        "{error:?}"
    );
    let error = moved(&server, &file).await.unwrap_err();
    assert!(matches!(error, MoveError::NotEmpty { .. }), "{error:?}");
    assert_eq!(traces(&fixture.folder.path().join("old.db")), 0);
}

#[tokio::test]
async fn a_user_without_rights_is_refused() {
    let fixture = Fixture::new();
    let file = fixture.file("old.db");
    filled(&file).await;
    let server = fixture.on_server();
    let Place::Postgres { url, options } = &server else {
        panic!("it is on the server");
    };
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("CREATE USER weak; GRANT CREATE ON DATABASE postgres TO weak")
        .await
        .unwrap();
    let weak = Place::Postgres {
        url: url.replace("terrace@", "weak@"),
        options: options.clone(),
    };
    let error = moved(&file, &weak).await.unwrap_err();
    assert!(matches!(error, MoveError::Rights { .. }), "{error:?}");
    assert_eq!(traces(&fixture.folder.path().join("old.db")), 0);
}

#[tokio::test]
async fn a_second_mover_is_refused() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    let Place::Postgres { url, options } = &server else {
        panic!("it is on the server");
    };
    let mut first = crate::sql::transfer::postgres::Postgres::connect(
        url,
        options,
        crate::sql::transfer::finding::Holder::Sqlite,
    )
    .await
    .unwrap();
    first.lock_out_others().await.unwrap();
    let error = moved(&file, &server).await.unwrap_err();
    assert!(matches!(error, MoveError::AtWork { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bad_value_that_is_written_meanwhile_stops_the_move_and_harms_nothing() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    let database = filled(&file).await;
    let mut session: Session = database.session();
    let path = fixture.folder.path().join("old.db");
    let mut polls = 8;
    while traces(&path) == 0 {
        polls += 8;
        super::ended_early(&file, &server, polls).await;
    }
    let bad = vec![Value::Text("a\0b".to_owned())];
    run_with(
        &mut session,
        "INSERT INTO item (id, name) VALUES (50, ?)",
        bad,
    )
    .await
    .unwrap();
    let found = findings(super::moved_at_last(&file, &server).await.unwrap_err());
    assert_eq!(found[0].key.as_deref(), Some("50"));
    run(&mut session, "DELETE FROM item WHERE id = 50")
        .await
        .unwrap();
    super::moved_at_last(&file, &server).await.unwrap();
}
