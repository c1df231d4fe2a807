//! What others do to the server: a changed password, tables that somebody else changed, a disk that is full.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sql::tests::harness::{Engine, count, one, patient, run, run_with};
use crate::sql::{Database, Error, Value};
use crate::test_server::Server;
use crate::{EngineFailure, OpenError, PostgresOptions};

#[tokio::test]
async fn wrong_password_is_refused_and_the_right_one_is_taken() {
    let mut server = Server::start();
    server.run("ALTER USER terrace PASSWORD 'correct horse'");
    server.put("pg_hba.conf", "local all all scram-sha-256\n");
    server.kill();
    server.restart();
    for password in [None, Some("hush")] {
        let options = PostgresOptions {
            password: password.map(str::to_owned),
            ..patient()
        };
        let error = Database::open_postgres(&server.url(), &options).unwrap_err();
        assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    let options = PostgresOptions {
        password: Some("correct horse".to_owned()),
        ..patient()
    };
    let database = Database::open_postgres(&server.url(), &options).unwrap();
    let one = one(&mut database.session(), "SELECT 1").await;
    assert_eq!(one, Value::Integer(1));
}

/// The engine keeps the schema that functions made. Statements on tables that others changed fail, or see what is there.
#[tokio::test]
async fn tables_that_others_changed_fail_and_answer_nothing_wrong() {
    let fixture = Engine::Postgres.with_items().await;
    let server = fixture.server.as_ref().unwrap();
    let mut session = fixture.database.session();
    let insert = "INSERT INTO item (name) VALUES (?)";
    run_with(&mut session, insert, vec!["a".into()])
        .await
        .unwrap();
    let all = "SELECT * FROM item";
    for (change, back) in [
        (
            "ALTER TABLE item RENAME COLUMN name TO other",
            "ALTER TABLE item RENAME COLUMN other TO name",
        ),
        (
            "ALTER TABLE item RENAME TO other",
            "ALTER TABLE other RENAME TO item",
        ),
        (
            "ALTER TABLE item ALTER COLUMN name TYPE date USING '2026-01-01'::date",
            "ALTER TABLE item ALTER COLUMN name TYPE text COLLATE \"C\" USING 'a'",
        ),
    ] {
        server.run(change);
        for _ in 0..2 {
            let rows = run(&mut session, all).await;
            assert!(rows.is_err(), "{change}: {rows:?}");
        }
        server.run(back);
        let rows = run(&mut session, all).await.unwrap().rows;
        assert_eq!(rows, [[Value::Integer(1), "a".into()]], "{back}");
    }
    // A column that nobody named is not there for functions.
    server.run("ALTER TABLE item ADD COLUMN more int NOT NULL DEFAULT 7");
    let rows = run(&mut session, all).await.unwrap().rows;
    assert_eq!(rows, [[Value::Integer(1), "a".into()]]);
}

/// A small disk, which is gone with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user may not mount one.
    fn mount(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,uid=65534,mode=0700", "tmpfs"]);
        let mounted = mount.arg(folder).output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Where no disk can be mounted, a trigger fails as a full disk does.
#[tokio::test]
async fn full_disk_fails_writes_and_leaves_what_was_there() {
    let folder = tempfile::Builder::new()
        .prefix("terrace-small-disk-")
        .tempdir_in("/tmp")
        .unwrap();
    let disk = SmallDisk::mount(folder.path());
    let fixture = Engine::Postgres.with_items().await;
    let server = fixture.server.as_ref().unwrap();
    match &disk {
        Some(SmallDisk(place)) => {
            let place = place.display();
            server.run(&format!("CREATE TABLESPACE small LOCATION '{place}'"));
            server.run("ALTER TABLE item SET TABLESPACE small");
        }
        None => {
            server.run(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN IF NEW.id > 5 THEN RAISE EXCEPTION USING ERRCODE = ''disk_full''; END IF; RETURN NEW; END'",
            );
            server.run("CREATE TRIGGER full_disk BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION full_disk()");
        }
    }
    let mut session = fixture.database.session();
    let insert = "INSERT INTO item (name) VALUES (?)";
    let mut written = 0;
    let error = loop {
        // Random, or the server would compress it.
        let name = format!("{written}{}", random_text());
        match run_with(&mut session, insert, vec![Value::Text(name)]).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the disk is never full");
    };
    assert_eq!(error, Error::Engine(EngineFailure::Full));
    assert_eq!(count(&mut session).await, written);
    let first = one(&mut session, "SELECT count(*) FROM item WHERE id = 1").await;
    assert_eq!(first, Value::Integer(1));
}

/// A text of about two KiB that does not compress.
fn random_text() -> String {
    use std::hash::{BuildHasher, RandomState};
    let words = (0..128_u32).map(|at| format!("{:016x}", RandomState::new().hash_one(at)));
    words.collect()
}
