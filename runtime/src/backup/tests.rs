//! Which files belong to an installation, and exchanges that were cut short. Whole backups are tested end to end.

use std::fs;
use std::path::{Path, PathBuf};

use storage::SqliteOptions;
use storage::sql::Database;

use super::installation::DatabaseFile;
use super::*;
use crate::fault::Source;
use crate::settings::Settings;
use crate::state::{StateLock, UNFINISHED_FILE};

fn installation(settings: &str) -> Installation {
    let (file, text) = (PathBuf::from("/etc/terrace.toml"), settings.to_owned());
    let config = Settings::new(Source { file, text }).judge(Path::new("/state"));
    Installation::of(&config.unwrap(), "shop", Path::new("/state"))
}

fn files(settings: &str) -> Vec<(String, String)> {
    let files = installation(settings).files.into_iter();
    files
        .map(|file| (file.path.display().to_string(), file.names.join(" ")))
        .collect()
}

#[test]
fn labels_with_one_file_are_one_database() {
    let settings = "[sql.a]\nurl = 'sqlite:/x/../a.db'\n[sql.b]\nurl = 'sqlite:/a.db'\n[kv.s]\nurl = 'sqlite:/state/kv.db'";
    let expected = [
        ("/a.db", "sql.a sql.b"),
        ("/state/default.db", "sql.default"),
        ("/state/kv.db", "kv.default kv.s"),
        ("/state/queue.db", "queue"),
    ];
    let expected = expected.map(|(path, names)| (path.to_owned(), names.to_owned()));
    assert_eq!(files(settings), expected);
}

#[test]
fn the_ledger_of_queues_on_nats_is_a_file_of_its_own() {
    let settings = "[queue]\nurl = 'nats://user:secret@queue'\nledger = 'sqlite:/l.db'";
    assert!(files(settings).contains(&("/l.db".to_owned(), "queue.ledger".to_owned())));
    let elsewhere = installation(settings).elsewhere;
    assert_eq!(
        (elsewhere[0].name.as_str(), elsewhere[0].place.as_str()),
        ("queue", "nats://queue")
    );
}

/// An installation with one database in a folder of its own, which has `state`.
fn with_state(folder: &Path, state: &str) -> Installation {
    let path = folder.join("a.db");
    fs::write(&path, state).unwrap();
    Installation {
        app: "shop".to_owned(),
        folder: folder.to_owned(),
        files: vec![DatabaseFile {
            names: vec!["sql.default".to_owned()],
            path,
        }],
        elsewhere: Vec::new(),
    }
}

/// A backup of a database.
fn backup(folder: &Path) -> PathBuf {
    let database = folder.join("made.db");
    drop(Database::open_sqlite(&database, SqliteOptions::default()).unwrap());
    let installation = Installation {
        files: vec![DatabaseFile {
            names: vec!["sql.default".to_owned()],
            path: database,
        }],
        ..with_state(folder, "")
    };
    let backup = folder.join("backup");
    make(&installation, &backup, &mut |_| ()).unwrap();
    backup
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

#[test]
fn state_that_cannot_be_read_is_set_aside_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let backup = backup(folder.path());
    let damaged = "damaged ".repeat(1_024);
    let installation = with_state(folder.path(), &damaged);
    let log = folder.path().join("a.db-wal");
    fs::write(&log, "its log").unwrap();
    let restored = restore(&installation, &backup, &mut |_| ()).unwrap();
    let kept = restored.kept[0].display().to_string();
    assert_eq!(read(&restored.kept[0]), damaged);
    assert_eq!(read(Path::new(&format!("{kept}-wal"))), "its log");
    assert!(!log.exists());
    assert!(read(&folder.path().join("a.db")).starts_with("SQLite format 3"));
}

#[test]
fn an_exchange_that_was_cut_short_keeps_servers_away_and_the_first_state() {
    let folder = tempfile::tempdir().unwrap();
    let backup = backup(folder.path());
    let installation = with_state(folder.path(), "half of another backup");
    let aside = folder.path().join("a.db.before-1");
    fs::write(&aside, "the first state").unwrap();
    fs::write(folder.path().join(UNFINISHED_FILE), ".before-1").unwrap();
    let refused = StateLock::shared(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("run `terrace restore` again"));
    let restored = restore(&installation, &backup, &mut |_| ()).unwrap();
    assert_eq!(restored.kept, [aside]);
    assert_eq!(read(&restored.kept[0]), "the first state");
    StateLock::shared(folder.path()).unwrap();
}

#[test]
fn a_restore_and_servers_keep_each_other_away() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        StateLock::shared(folder.path()).unwrap(),
        StateLock::shared(folder.path()).unwrap(),
    );
    drop(one);
    let refused = StateLock::alone(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("a server or another command"), "{refused}");
    drop(other);
    let alone = StateLock::alone(folder.path()).unwrap();
    let refused = StateLock::shared(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("is being restored"), "{refused}");
    drop(alone);
}
