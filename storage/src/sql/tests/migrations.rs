//! Promise: each migration is applied once, by one of all processes, completely or not at all.

use super::harness::{Engine, Fixture, one, run};
use crate::sql::migrations::{self, Applied, Migration, MigrationError};
use crate::sql::{Error, Value};

on_each_engine! {
    () {
        migrations_are_applied_once_and_in_order,
        changed_missing_and_late_files_are_refused_by_name,
        failing_migration_leaves_the_schema_as_it_was,
        migrations_of_a_function_are_recorded_and_not_applied_again,
        lock_that_is_not_to_be_had_is_an_error,
    }
    (flavor = "multi_thread") {
        each_migration_is_applied_by_one_of_several_processes,
    }
}

/// Files of a folder that lives as long as the call.
fn files(named: &[(&str, &str)]) -> Result<Vec<Migration>, MigrationError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in named {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    migrations::read(folder.path())
}

async fn apply(fixture: &Fixture, named: &[(&str, &str)]) -> Result<Vec<Applied>, MigrationError> {
    migrations::apply(&fixture.database, &files(named)?).await
}

async fn refusal(fixture: &Fixture, named: &[(&str, &str)]) -> String {
    apply(fixture, named).await.unwrap_err().to_string()
}

fn names(applied: &[Applied]) -> Vec<&str> {
    applied.iter().map(|applied| &applied.name[..]).collect()
}

const FIRST: (&str, &str) = (
    "1_item.sql",
    "-- Items.\nCREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);",
);
const SECOND: (&str, &str) = (
    "0002_rows.sql",
    "INSERT INTO item (name) VALUES ('a;b');\nINSERT INTO item (name) VALUES ('c');\n",
);
const TENTH: (&str, &str) = ("10_more.sql", "INSERT INTO item (name) VALUES ('d')");

async fn migrations_are_applied_once_and_in_order(engine: Engine) {
    let fixture = engine.fixture().await;
    let none = apply(&fixture, &[("notes.txt", "no SQL")]).await.unwrap();
    assert_eq!(none, []);
    let two = [TENTH, FIRST, SECOND];
    let waiting = files(&two).unwrap();
    let pending = migrations::pending(&fixture.database, &waiting)
        .await
        .unwrap();
    assert_eq!(pending.len(), 3);
    let applied = apply(&fixture, &two).await.unwrap();
    assert_eq!(
        names(&applied),
        ["1_item.sql", "0002_rows.sql", "10_more.sql"]
    );
    assert_eq!(fixture.count().await, 3);
    assert_eq!(apply(&fixture, &two).await.unwrap(), []);
    let renamed = (
        "0001_items.sql",
        "-- Items.\r\nCREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);",
    );
    let same = [renamed, SECOND, TENTH, ("11_last.sql", "DELETE FROM item")];
    assert_eq!(
        names(&apply(&fixture, &same).await.unwrap()),
        ["11_last.sql"]
    );
    assert_eq!(fixture.count().await, 0);
}

async fn changed_missing_and_late_files_are_refused_by_name(engine: Engine) {
    let fixture = engine.fixture().await;
    apply(&fixture, &[FIRST, TENTH]).await.unwrap();
    let changed = ("1_item.sql", "CREATE TABLE item (id INTEGER)");
    for (named, words) in [
        (vec![changed, TENTH], "1_item.sql was changed after"),
        (
            vec![TENTH],
            "1_item.sql was applied to this database, but is not",
        ),
        (
            vec![FIRST, SECOND, TENTH],
            "0002_rows.sql was never applied",
        ),
        (
            vec![FIRST, ("01_x.sql", "")],
            "01_x.sql and 1_item.sql have the same number",
        ),
        (vec![("users.sql", "")], "users.sql has no number"),
        (
            vec![FIRST, TENTH, ("11_a.sql", "\n-- Why.\ncommit;")],
            "11_a.sql, line 3: COMMIT is not possible here",
        ),
    ] {
        let refused = refusal(&fixture, &named).await;
        assert!(refused.starts_with(words), "{refused}");
    }
    assert_eq!(fixture.count().await, 1);
}

async fn failing_migration_leaves_the_schema_as_it_was(engine: Engine) {
    let fixture = engine.fixture().await;
    let wrong = (
        "2_wrong.sql",
        "CREATE TABLE other (id INTEGER PRIMARY KEY);\n\nINSERT INTO item (nam)\n  VALUES ('a');",
    );
    let refused = refusal(&fixture, &[FIRST, wrong]).await;
    assert!(refused.starts_with("2_wrong.sql, line 3: "), "{refused}");
    let mut session = fixture.database.session();
    assert!(run(&mut session, "SELECT * FROM other").await.is_err());
    let mended = ("2_wrong.sql", "CREATE TABLE other (id INTEGER PRIMARY KEY)");
    let applied = apply(&fixture, &[FIRST, mended]).await.unwrap();
    assert_eq!(names(&applied), ["2_wrong.sql"]);
}

async fn migrations_of_a_function_are_recorded_and_not_applied_again(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for text in [
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY)",
        "INSERT INTO schema_version (version) VALUES (1)",
    ] {
        run(&mut session, text).await.unwrap();
    }
    let applied = apply(&fixture, &[FIRST, SECOND]).await.unwrap();
    assert_eq!(names(&applied), ["1_item.sql", "0002_rows.sql"]);
    let by_function: Vec<bool> = applied.iter().map(|applied| applied.by_function).collect();
    assert_eq!(by_function, [true, false]);
    assert_eq!(fixture.count().await, 2);
}

async fn lock_that_is_not_to_be_had_is_an_error(engine: Engine) {
    let fixture = engine.fixture().await;
    fixture.database.close(super::harness::far()).await.unwrap();
    let refused = apply(&fixture, &[FIRST]).await.unwrap_err();
    assert!(
        matches!(refused, MigrationError::Record(Error::Engine(_))),
        "{refused}"
    );
}

async fn each_migration_is_applied_by_one_of_several_processes(engine: Engine) {
    let fixture = engine.fixture().await;
    let many: Vec<(String, String)> = (2..20)
        .map(|number| {
            let text = format!("INSERT INTO item (name) VALUES ('{number}')");
            (format!("{number}.sql"), text)
        })
        .collect();
    let mut named = vec![FIRST];
    named.extend(many.iter().map(|(name, text)| (&name[..], &text[..])));
    let files = files(&named).unwrap();
    let processes = [
        fixture.another(),
        fixture.another(),
        fixture.database.clone(),
    ];
    let tasks = processes.map(|database| {
        let files = files.clone();
        tokio::spawn(async move { migrations::apply(&database, &files).await })
    });
    let mut applied = Vec::new();
    for task in tasks {
        applied.extend(task.await.unwrap().unwrap());
    }
    let mut names = names(&applied);
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), applied.len()), (19, 19));
    assert_eq!(fixture.count().await, 18);
    let recorded = "SELECT count(*) FROM terrace_migrations";
    let recorded = one(&mut fixture.database.session(), recorded).await;
    assert_eq!(recorded, Value::Integer(19));
}
