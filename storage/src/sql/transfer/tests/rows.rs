//! Rows, and the changes that are made while they are copied.

use std::path::PathBuf;

use super::{Fixture, READS, filled, moved, opened, read, traces};
use crate::OpenError;
use crate::sql::tests::harness::{one, run};
use crate::sql::transfer::{self, MoveError, Place, Progress, Watch};
use crate::sql::{Database, Value};

#[tokio::test]
async fn all_rows_arrive_on_a_server_and_back_in_a_file() {
    let fixture = Fixture::new();
    let places = [
        fixture.file("old.db"),
        fixture.on_server(),
        fixture.another_on_server("other").await,
        fixture.file("new.db"),
    ];
    let database = filled(&places[0]).await;
    let expected = read(&mut database.session()).await;
    for pair in places.windows(2) {
        let moved = moved(&pair[0], &pair[1]).await.unwrap();
        assert_eq!(moved.rows, 12);
        assert!(moved.pause.is_some());
        let target = opened(&pair[1]);
        let mut session = target.session();
        assert_eq!(read(&mut session).await, expected);
    }
    // Triggers, keys and the numbers that were given already are as before.
    let target = opened(&places[3]);
    let mut session = target.session();
    run(&mut session, "DELETE FROM item WHERE id = 3")
        .await
        .unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('four')")
        .await
        .unwrap();
    assert_eq!(session.last_insert_rowid(), 4);
    assert_eq!(
        one(&mut session, "SELECT max(made) FROM noted").await,
        4.into()
    );
    run(&mut session, "DELETE FROM item WHERE id = 1")
        .await
        .unwrap();
    assert_eq!(
        one(&mut session, "SELECT count(*) FROM part").await,
        1.into()
    );
    run(&mut session, "INSERT INTO item (name) VALUES ('Zwei')")
        .await
        .unwrap_err();
    run(
        &mut session,
        "INSERT INTO part (item, place) VALUES (99, 'a')",
    )
    .await
    .unwrap_err();
}

#[tokio::test]
async fn a_database_that_was_moved_refuses_writes_and_to_be_opened() {
    let fixture = Fixture::new();
    let (file, server, other) = (
        fixture.file("old.db"),
        fixture.on_server(),
        fixture.another_on_server("other").await,
    );
    let old = filled(&file).await;
    moved(&file, &server).await.unwrap();
    refused(&old, &file).await;
    let old = opened(&server);
    moved(&server, &other).await.unwrap();
    refused(&old, &server).await;
}

async fn refused(old: &Database, place: &Place) {
    let mut session = old.session();
    for statement in [
        "INSERT INTO item (name) VALUES ('late')",
        "UPDATE part SET place = 'late'",
        "DELETE FROM line",
    ] {
        let error = run(&mut session, statement).await.unwrap_err().to_string();
        assert!(
            error.contains("this database was moved to postgres://"),
            "{error}"
        );
    }
    read(&mut session).await;
    let error = match place {
        Place::Sqlite(path) => Database::open_sqlite(path, crate::SqliteOptions::default()),
        Place::Postgres { url, options } => Database::open_postgres(url, options),
    };
    let error = error.unwrap_err();
    assert!(matches!(error, OpenError::Moved { .. }), "{error:?}");
}

/// Writes at each report, in the ways that are hard to follow.
struct Writing {
    writer: Database,
    reports: i64,
    tables: [bool; 2],
}

impl Writing {
    async fn write(&mut self) {
        let mut session = self.writer.session();
        self.reports += 1;
        let number = self.reports;
        let mut statements = vec![
            // Two rows swap a unique name.
            "BEGIN".to_owned(),
            "UPDATE item SET name = 'between' WHERE id = 1".to_owned(),
            "UPDATE item SET name = (SELECT name FROM item WHERE id = 1) || 'x' WHERE id = 2"
                .to_owned(),
            format!("UPDATE item SET name = 'name {number}' WHERE id = 1"),
            "COMMIT".to_owned(),
            format!("INSERT INTO item (name) VALUES ('new {number}')"),
            format!("INSERT INTO part (item, place) VALUES (2, 'new {number}')"),
            format!(
                "UPDATE part SET place = 'moved {number}' WHERE place = 'new {}'",
                number - 1
            ),
            format!("DELETE FROM item WHERE name = 'new {}'", number - 2),
            format!("INSERT INTO line VALUES ('{number}')"),
        ];
        if self.tables[0] {
            // This deletes another row than the one that it writes, without a trigger.
            statements.push(format!(
                "INSERT OR REPLACE INTO item (id, name) VALUES ({}, 'new {}')",
                1_000 + number,
                number - 1
            ));
        }
        for statement in statements {
            run(&mut session, &statement).await.unwrap();
        }
    }
}

impl Watch for Writing {
    fn report(&mut self, _: &Progress<'_>) {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| runtime.block_on(self.write()));
    }

    async fn hold(&mut self) -> Result<(), String> {
        self.write().await;
        Ok(())
    }

    async fn release(&mut self) {}

    async fn switch(&mut self) {}
}

async fn changes_meanwhile_arrive(from: &Place, to: &Place) {
    let writer = filled(from).await;
    let mut session = writer.session();
    for _ in 0..3 {
        let many = "INSERT INTO item (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) \
                    SELECT 'item ' || i || ' ' || (SELECT count(*) FROM item) FROM n";
        run(&mut session, many).await.unwrap();
    }
    let is_file = matches!(from, Place::Sqlite(_));
    let mut watch = Writing {
        writer: writer.clone(),
        reports: 0,
        tables: [is_file, true],
    };
    transfer::run(from, to, &mut watch).await.unwrap();
    assert!(watch.reports > 6, "{}", watch.reports);
    let expected = read(&mut session).await;
    let target = opened(to);
    let found = read(&mut target.session()).await;
    for ((statement, found), expected) in READS.iter().zip(&found).zip(&expected) {
        assert_eq!(found.rows.len(), expected.rows.len(), "{statement}");
        assert_eq!(found, expected, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_meanwhile_arrive_on_a_server() {
    let fixture = Fixture::new();
    changes_meanwhile_arrive(&fixture.file("old.db"), &fixture.on_server()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_meanwhile_arrive_in_a_file() {
    let fixture = Fixture::new();
    changes_meanwhile_arrive(&fixture.on_server(), &fixture.file("new.db")).await;
}

/// Runs statements while their changes are noted.
struct Noticing(Database);

impl Watch for Noticing {
    fn report(&mut self, progress: &Progress<'_>) {
        if *progress == Progress::Indexing {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| runtime.block_on(self.notice()));
        }
    }

    async fn hold(&mut self) -> Result<(), String> {
        Ok(())
    }

    async fn release(&mut self) {}

    async fn switch(&mut self) {}
}

impl Noticing {
    async fn notice(&self) {
        let mut session = self.0.session();
        run(&mut session, "INSERT INTO line VALUES ('a'), ('b')")
            .await
            .unwrap();
        assert_eq!(session.changes(), 2);
        run(&mut session, "INSERT INTO noted (id, made) VALUES (70, 1)")
            .await
            .unwrap();
        assert_eq!((session.last_insert_rowid(), session.changes()), (70, 1));
        run(&mut session, "UPDATE noted SET made = 2 WHERE id >= 70")
            .await
            .unwrap();
        assert_eq!((session.last_insert_rowid(), session.changes()), (70, 1));
        let last = one(&mut session, "SELECT last_insert_rowid()").await;
        assert_eq!(last, 70.into());
        let returned = run(&mut session, "DELETE FROM noted WHERE id = 70 RETURNING *")
            .await
            .unwrap();
        assert_eq!(returned.columns, ["id", "made"]);
        assert_eq!(returned.rows, [[Value::Integer(70), Value::Integer(2)]]);
        assert_eq!(session.changes(), 1);
        run(&mut session, "DELETE FROM line").await.unwrap();
        assert_eq!(session.changes(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_do_not_notice_that_their_changes_are_noted() {
    let fixture = Fixture::new();
    let (file, server, other) = (
        fixture.file("old.db"),
        fixture.on_server(),
        fixture.file("new.db"),
    );
    let database = filled(&file).await;
    transfer::run(&file, &server, &mut Noticing(database))
        .await
        .unwrap();
    let database = opened(&server);
    run(
        &mut database.session(),
        "INSERT INTO line VALUES ('a'), ('b'), ('c')",
    )
    .await
    .unwrap();
    transfer::run(&server, &other, &mut Noticing(database))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    let plan = transfer::plan(&file, &server).await.unwrap();
    let tables = plan
        .tables
        .iter()
        .map(|table| (&table.name[..], table.rows));
    let tables: Vec<_> = tables.collect();
    assert_eq!(
        tables,
        [("item", 3), ("line", 3), ("noted", 3), ("part", 3)]
    );
    assert!(!plan.is_begun);
    let path: PathBuf = fixture.folder.path().join("old.db");
    assert_eq!(traces(&path), 0);
    assert_eq!(transfer::plan(&file, &server).await.unwrap(), plan);
    let nothing = transfer::abandon(&file, Some(&server)).await;
    assert!(
        matches!(nothing, Err(MoveError::NothingToAbandon)),
        "{nothing:?}"
    );
}
