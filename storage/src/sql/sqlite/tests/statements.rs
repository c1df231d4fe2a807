//! What only SQLite does with statements and transactions. On Postgres the dialect refuses most of it by name.

use super::{fixture, with_items};
use crate::EngineFailure;
use crate::sql::tests::harness::{ENDLESS_WRITE, count, one, run, run_with, soon};
use crate::sql::{Error, Value};

#[tokio::test]
async fn write_that_is_stopped_ends_its_transaction() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    let stopped = session.execute(ENDLESS_WRITE, vec![], soon()).await;
    let late = Error::Engine(EngineFailure::DeadlineExceeded);
    assert_eq!(stopped, Err(late));
    assert!(!session.is_in_transaction());
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_an_error_that_says_how_to_read_it() {
    let fixture = fixture().await;
    let mut session = fixture.database.session();
    let result = run(&mut session, "SELECT CAST(X'ff' AS TEXT) AS word").await;
    assert_eq!(
        result,
        Err(Error::InvalidText {
            column: "word".to_owned()
        })
    );
    let bytes = one(&mut session, "SELECT CAST(CAST(X'ff' AS TEXT) AS BLOB)").await;
    assert_eq!(bytes, Value::Blob(vec![255]));
}

#[tokio::test]
async fn a_column_without_a_type_holds_all_kinds_and_text_with_a_zero_byte() {
    let fixture = fixture().await;
    let mut session = fixture.database.session();
    run(&mut session, "CREATE TABLE value (v)").await.unwrap();
    let values = [
        Value::Integer(i64::MIN),
        Value::Real(-0.1),
        Value::Text("naïve \u{1F980}\0 end".to_owned()),
        Value::Text(String::new()),
        Value::Blob(vec![0, 255, 1]),
        Value::Blob(Vec::new()),
        Value::Null,
    ];
    for value in values {
        run_with(
            &mut session,
            "INSERT INTO value VALUES (?)",
            vec![value.clone()],
        )
        .await
        .unwrap();
        assert_eq!(one(&mut session, "SELECT v FROM value").await, value);
        run(&mut session, "DELETE FROM value").await.unwrap();
    }
}

#[tokio::test]
async fn mathematical_functions_take_text_that_is_a_number() {
    let fixture = fixture().await;
    let mut session = fixture.database.session();
    for (expression, expected) in [
        ("ceiling('1.2')", Value::Real(2.0)),
        ("trunc('12')", Value::Integer(12)),
        ("sqrt(' 4 ')", Value::Real(2.0)),
        ("sqrt('four')", Value::Null),
        ("sqrt('inf')", Value::Null),
        ("sqrt(X'34')", Value::Null),
    ] {
        let value = one(&mut session, &format!("SELECT {expression}")).await;
        assert_eq!(value, expected, "{expression}");
    }
}

#[tokio::test]
async fn trigger_sees_the_row_that_it_inserted_last() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE log (id INTEGER PRIMARY KEY, item INTEGER)",
        "CREATE TABLE note (log INTEGER)",
        "CREATE TRIGGER noted AFTER INSERT ON item BEGIN INSERT INTO log VALUES (500, new.id); \
             INSERT INTO note VALUES (last_insert_rowid()); END",
        "INSERT INTO item VALUES (3, 'a')",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    assert_eq!(session.last_insert_rowid(), 3);
    assert_eq!(
        one(&mut session, "SELECT log FROM note").await,
        Value::Integer(500)
    );
}

#[tokio::test]
async fn foreign_keys_may_be_deferred_inside_a_transaction() {
    let fixture = fixture().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent INTEGER REFERENCES parent)",
        "BEGIN",
        "PRAGMA defer_foreign_keys = ON",
        "INSERT INTO child VALUES (1)",
        "INSERT INTO parent VALUES (1)",
        "COMMIT",
    ] {
        run(&mut session, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let refused = run(&mut session, "INSERT INTO child VALUES (2)").await;
    assert!(matches!(refused, Err(Error::Constraint { .. })));
}

#[tokio::test]
async fn statement_that_ends_the_transaction_itself_leaves_the_session_usable() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('b')")
        .await
        .unwrap();
    run(
        &mut session,
        "INSERT OR ROLLBACK INTO item (name) VALUES ('a')",
    )
    .await
    .unwrap_err();
    assert!(!session.is_in_transaction());
    assert_eq!(count(&mut session).await, 1);
}

#[tokio::test]
async fn other_writes_wait_for_a_transaction_and_reads_do_not() {
    let fixture = with_items().await;
    let mut holder = fixture.database.session();
    run(&mut holder, "BEGIN").await.unwrap();
    run(&mut holder, "INSERT INTO item (name) VALUES ('first')")
        .await
        .unwrap();
    let mut waiting = fixture.database.session();
    let late = waiting
        .execute("INSERT INTO item (name) VALUES ('late')", vec![], soon())
        .await;
    assert_eq!(late, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    let insert = "INSERT INTO item (name) VALUES ('second')";
    let write = tokio::spawn(async move { run(&mut waiting, insert).await });
    assert_eq!(fixture.count().await, 0);
    run(&mut holder, "COMMIT").await.unwrap();
    write.await.unwrap().unwrap();
    let names = run(&mut holder, "SELECT name FROM item ORDER BY id")
        .await
        .unwrap()
        .rows;
    assert_eq!(names, [["first".into()], [Value::from("second")]]);
}
