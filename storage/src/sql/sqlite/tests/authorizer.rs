//! The actions that statements may and may not take.

use super::{fixture, with_items};
use crate::sql::tests::harness::{one, run, run_with};
use crate::sql::{Error, Value};

#[tokio::test]
async fn statements_that_would_leave_the_database_are_refused() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    let target = fixture.folder.path().join("stolen.db");
    let target = target.display();
    let refused = [
        format!("ATTACH '{target}' AS other"),
        "ATTACH '' AS other".to_owned(),
        "ATTACH ':memory:' AS other".to_owned(),
        "DETACH main".to_owned(),
        format!("VACUUM INTO '{target}'"),
        "SELECT load_extension('x')".to_owned(),
        "CREATE TEMP TABLE t (x)".to_owned(),
        "CREATE TABLE temp.t (x)".to_owned(),
        "CREATE TEMP VIEW v AS SELECT 1".to_owned(),
        "CREATE VIRTUAL TABLE temp.t USING fts5(x)".to_owned(),
        "SELECT total_changes()".to_owned(),
        "INSERT INTO terrace_mark VALUES (1)".to_owned(),
        "DROP TABLE temp.terrace_mark".to_owned(),
    ];
    for sql in refused {
        for begin in [None, Some("BEGIN")] {
            if let Some(begin) = begin {
                run(&mut session, begin).await.unwrap();
            }
            let result = run(&mut session, &sql).await;
            assert!(
                matches!(
                    result,
                    Err(Error::Forbidden { .. } | Error::Statement { .. })
                ),
                "{sql}: {result:?}"
            );
            if begin.is_some() {
                run(&mut session, "ROLLBACK").await.unwrap();
            }
        }
    }
    assert!(!fixture.folder.path().join("stolen.db").exists());
}

#[tokio::test]
async fn refusal_says_what_and_why() {
    let fixture = fixture().await;
    let error = run(&mut fixture.database.session(), "ATTACH 'x' AS x")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ATTACH, DETACH and VACUUM INTO are not available: a function may only use the databases it was granted"
    );
}

#[tokio::test]
async fn pragmas_that_would_break_the_guarantees_are_refused() {
    let fixture = fixture().await;
    let mut session = fixture.database.session();
    for pragma in [
        "journal_mode = DELETE",
        "journal_mode(OFF)",
        "synchronous = OFF",
        "locking_mode = EXCLUSIVE",
        "mmap_size = 1",
        "foreign_keys = OFF",
        "foreign_keys(0)",
        "writable_schema = ON",
        "wal_checkpoint",
        "wal_autocheckpoint = 0",
        "query_only = 0",
        "cache_size = 1",
        "temp_store = FILE",
        "busy_timeout = 1",
        "trusted_schema = ON",
        "database_list",
        "page_size = 512",
        "schema_version = 1",
        "encoding = 'UTF-16'",
        "max_page_count = 1",
        "ignore_check_constraints = ON",
        "recursive_triggers = ON",
        "case_sensitive_like = ON",
        "nonsense = 1",
    ] {
        let result = run(&mut session, &format!("PRAGMA {pragma}")).await;
        assert!(
            matches!(result, Err(Error::Forbidden { .. })),
            "{pragma}: {result:?}"
        );
    }
    let hidden = run(&mut session, "SELECT file FROM pragma_database_list").await;
    assert!(
        matches!(
            hidden,
            Err(Error::Statement { .. } | Error::Forbidden { .. })
        ),
        "{hidden:?}"
    );
    assert_eq!(one(&mut session, "PRAGMA journal_mode").await, "wal".into());
    assert_eq!(
        one(&mut session, "PRAGMA foreign_keys").await,
        Value::Integer(1)
    );
}

#[tokio::test]
async fn harmless_pragmas_work() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    let columns = run(&mut session, "PRAGMA table_info(item)").await.unwrap();
    assert_eq!(columns.rows.len(), 2);
    let names = run(&mut session, "SELECT name FROM pragma_table_info('item')")
        .await
        .unwrap();
    assert_eq!(names.rows, [["id".into()], [Value::from("name")]]);
    run(&mut session, "PRAGMA user_version = 7").await.unwrap();
    assert_eq!(
        one(&mut session, "PRAGMA user_version").await,
        Value::Integer(7)
    );
    assert_eq!(
        one(&mut session, "PRAGMA integrity_check").await,
        "ok".into()
    );
    run(&mut session, "PRAGMA foreign_keys = ON").await.unwrap();
    run(&mut session, "PRAGMA optimize").await.unwrap();
}

#[tokio::test]
async fn schema_changes_and_vacuum_work() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    for sql in [
        "ALTER TABLE item RENAME TO thing",
        "ALTER TABLE thing RENAME COLUMN name TO title",
        "ALTER TABLE thing ADD COLUMN size INTEGER",
        "ALTER TABLE thing DROP COLUMN size",
        "CREATE INDEX by_title ON thing (title)",
        "CREATE VIEW titles AS SELECT title FROM thing",
        "CREATE VIRTUAL TABLE words USING fts5(body)",
        "INSERT INTO words VALUES ('hello world')",
        "INSERT INTO thing (title) VALUES ('a')",
        "CREATE TABLE copy AS SELECT * FROM thing",
        "REINDEX",
        "ANALYZE",
        "VACUUM",
        "vacuum main",
        "DROP VIEW titles",
        "DROP INDEX by_title",
        "DROP TABLE copy",
    ] {
        run(&mut session, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let found = one(
        &mut session,
        "SELECT body FROM words WHERE words MATCH 'world'",
    )
    .await;
    assert_eq!(found, "hello world".into());
    assert_eq!(
        one(&mut session, "SELECT title FROM thing").await,
        "a".into()
    );
}

#[tokio::test]
async fn parameters_of_a_vacuum_are_not_ignored() {
    let fixture = with_items().await;
    let result = run_with(&mut fixture.database.session(), "VACUUM", vec![Value::Null]).await;
    assert_eq!(
        result,
        Err(Error::ParameterCount {
            given: 1,
            expected: 0
        })
    );
}

#[tokio::test]
async fn changes_inside_a_trigger_is_refused() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    let trigger = "CREATE TRIGGER t AFTER INSERT ON item BEGIN UPDATE item SET name = changes() WHERE id = new.id; END";
    run(&mut session, trigger).await.unwrap();
    let result = run(&mut session, "INSERT INTO item (name) VALUES ('a')").await;
    let message = "changes() is not available inside a trigger or a view".to_owned();
    assert_eq!(result, Err(Error::Forbidden { message }));
}
