//! Promise: `terrace backup` copies state as of one moment while it is written to, and `terrace restore` puts all of it back, or
//! nothing.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use terrace_tests::contract::exit;
use terrace_tests::judge::{Judge, Verdict};
use terrace_tests::process::{Ended, Process};
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};

const TABLES: [&str; 3] = [
    "CREATE TABLE entries (writer INTEGER, number INTEGER, PRIMARY KEY (writer, number))",
    "CREATE TABLE totals (writer INTEGER PRIMARY KEY, entries INTEGER)",
    "CREATE TABLE filler (data BLOB)",
];
const WRITERS: usize = 24;
/// The entries of each transaction.
const ENTRIES: usize = 40;
/// How many backups are made under writes, one after the other.
const BACKUPS: usize = 4;

fn app() -> App {
    App::of("capabilities")
        .grant("sqlite_databases = [\"default\"]")
        .grant("key_value_stores = [\"default\"]")
}

async fn sql(app: &Running, script: Value) -> Value {
    let answer = app.post("/sql/default", script.to_string()).await;
    answer.expect(200).json()["rows"].clone()
}

/// Starts an app with its tables, and with so many megabytes in its database.
async fn start(megabytes: usize) -> Running {
    let app = app().start().await;
    sql(&app, TABLES.map(|table| json!([table])).into()).await;
    let fill = format!(
        "INSERT INTO filler WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes}) \
         SELECT randomblob(1000000) FROM n"
    );
    let ended = app.app().sql(&["exec", &fill]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    app
}

async fn fine(app: &App, arguments: &[&str]) -> Value {
    let ended = app.begin(arguments).wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    last_event(&ended)
}

fn last_event(ended: &Ended) -> Value {
    let line = ended.text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_default()
}

async fn refused(app: &App, arguments: &[&str], why: &str) {
    let ended = app.begin(arguments).wait().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains(why), "{}", ended.text);
}

/// The path of a backup as an argument.
fn at(folder: &tempfile::TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    path.to_str().expect("a path of a test is text").to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("the folder is there");
    let names = files.map(|file| file.expect("it can be read").file_name());
    names.map(|name| name.display().to_string()).collect()
}

/// Has each writer add entries in transactions of two tables, and then say in the key-value store how far it is, until all is over.
/// `told` has the transactions of each writer that were acknowledged.
async fn write(app: &Running, told: &RefCell<Vec<usize>>, is_over: &Cell<bool>) {
    let writers = (0..WRITERS).map(async |writer| {
        for transaction in 0.. {
            let first = transaction * ENTRIES;
            let rows = (first..first + ENTRIES).map(|number| format!("({writer}, {number})"));
            let rows = rows.collect::<Vec<_>>().join(", ");
            let add = format!("INSERT INTO entries VALUES {rows}");
            let count = "INSERT INTO totals VALUES (?1, ?2) ON CONFLICT DO UPDATE SET entries = entries + ?2";
            let count = json!([count, writer, ENTRIES]);
            sql(app, json!([["BEGIN"], [add], count, ["COMMIT"]])).await;
            told.borrow_mut()[writer] += 1;
            let path = format!("/kv/default/writer-{writer}");
            let put = app.call(Method::PUT, &path, (transaction + 1).to_string());
            put.await.expect(200);
            if is_over.get() {
                break;
            }
        }
    });
    join_all(writers).await;
}

/// The transactions of each writer in restored state, after a look at what must be true of them.
async fn read(app: &Running) -> Vec<usize> {
    let entries = "SELECT t.writer, t.entries, count(*), min(e.number), max(e.number) \
                   FROM totals t JOIN entries e ON e.writer = t.writer GROUP BY t.writer";
    let totals = json!([["SELECT sum(entries), (SELECT count(*) FROM entries) FROM totals"]]);
    let both = sql(app, totals).await;
    assert_eq!(both[0][0], both[0][1], "no entry without its total");
    let mut transactions = vec![0; WRITERS];
    let rows = sql(app, json!([[entries]])).await;
    for row in rows.as_array().into_iter().flatten() {
        let number = |at: usize| {
            let number = row[at].as_u64().expect("it is a number");
            usize::try_from(number).expect("it is small")
        };
        assert_eq!(number(1), number(2), "both tables of a transaction: {row}");
        assert_eq!(number(3), 0, "from the first write: {row}");
        assert_eq!(number(4) + 1, number(2), "without a hole: {row}");
        assert_eq!(number(2) % ENTRIES, 0, "whole transactions: {row}");
        transactions[number(0)] = number(2) / ENTRIES;
    }
    transactions
}

/// A backup that was made under writes.
struct Copied {
    path: String,
    /// The transactions of each writer that were acknowledged before it began, and when it was complete.
    before: Vec<usize>,
    after: Vec<usize>,
}

async fn copy(app: &Running, told: &RefCell<Vec<usize>>, path: String) -> Copied {
    let before = told.borrow().clone();
    let made = fine(app.app(), &["backup", "--json", &path]).await;
    let after = told.borrow().clone();
    assert_eq!(made["event"], "backed-up");
    let names = |at: usize| &made["databases"][at]["names"];
    assert_eq!(names(0), &json!(["sql.default"]));
    assert_eq!(names(1), &json!(["kv.default"]));
    Copied {
        path,
        before,
        after,
    }
}

/// Restores a backup elsewhere, and checks what it has.
async fn check(copied: &Copied) {
    let app = app();
    let restored = fine(&app, &["restore", "--json", &copied.path]).await;
    assert_eq!(restored["event"], "restored");
    assert_eq!(restored["kept"], json!([]));
    let app = app.start().await;
    let transactions = read(&app).await;
    for (writer, count) in transactions.into_iter().enumerate() {
        let (before, after) = (copied.before[writer], copied.after[writer]);
        assert!(
            (before..=after + 1).contains(&count),
            "of writer {writer} {count} transactions, and it was told of {before} before and of {after} after"
        );
        let path = format!("/kv/default/writer-{writer}");
        let store = app.get(&path).await.expect(200).text();
        let store: usize = store.parse().expect("it is a number");
        assert!(
            store == count || store + 1 == count,
            "both files are of one moment: {store} and {count}"
        );
    }
}

#[tokio::test]
async fn a_backup_under_writes_restores_what_had_been_acknowledged_at_one_moment() {
    let app = start(24).await;
    let folder = tempfile::tempdir().unwrap();
    let (told, is_over) = (RefCell::new(vec![0; WRITERS]), Cell::new(false));
    let backing_up = async {
        until("each writer has written", async || {
            told.borrow().iter().all(|count| *count > 1).then_some(())
        })
        .await;
        let mut made = Vec::new();
        let begun = Instant::now();
        for number in 0..BACKUPS {
            made.push(copy(&app, &told, at(&folder, &number.to_string())).await);
        }
        let took = begun.elapsed();
        is_over.set(true);
        (made, took)
    };
    let ((), (made, took)) = tokio::join!(write(&app, &told, &is_over), backing_up);
    let count = |counts: &[usize]| counts.iter().sum::<usize>();
    let meanwhile = count(&made[BACKUPS - 1].after) - count(&made[0].before);
    println!(
        "{} rows and keys were written in {took:?} of backups",
        meanwhile * (ENTRIES + 2)
    );
    assert!(
        meanwhile > WRITERS,
        "it was written to meanwhile: {meanwhile}"
    );
    for copied in &made {
        check(copied).await;
    }
    assert_eq!(read(&app).await, *told.borrow(), "all is still there");
}

#[tokio::test]
async fn of_two_backups_with_one_name_one_is_made_and_others_are_not_disturbed() {
    let app = start(8).await;
    let folder = tempfile::tempdir().unwrap();
    let (same, other) = (at(&folder, "same"), at(&folder, "other"));
    let processes = [&same, &same, &other].map(|to| app.app().begin(&["backup", to]));
    let ended = join_all(processes.map(Process::wait)).await;
    let [one, two, three] = &ended[..] else {
        unreachable!("there are three");
    };
    let mut codes = [one.code, two.code];
    codes.sort_unstable();
    assert_eq!(
        codes,
        [Some(exit::FINE), Some(exit::FAILED)],
        "{} {}",
        one.text,
        two.text
    );
    assert_eq!(three.code, Some(exit::FINE), "{}", three.text);
    assert!(format!("{}{}", one.text, two.text).contains("exists already"));
    let mut left = names(folder.path());
    left.sort_unstable();
    assert_eq!(left, ["other", "same"]);
    for backup in [same, other] {
        fine(&self::app(), &["restore", "--json", &backup]).await;
    }
}

/// Starts a command, and kills it after so many lines of its output unless it ends before. Whether it was killed.
async fn killed_after(app: &App, arguments: &[&str], lines: usize) -> bool {
    let ends = ["\"backed-up\"", "\"restored\""];
    app.begin(arguments).kill_after(lines, "event", ends).await
}

#[tokio::test]
async fn a_killed_backup_leaves_nothing_under_its_name() {
    let app = start(24).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = at(&folder, "backup");
    let mut kills = 0;
    for lines in (1..).step_by(5) {
        if !killed_after(app.app(), &["backup", "--json", &backup], lines).await {
            break;
        }
        kills += 1;
        // It may have been complete in the moment of the kill.
        if Path::new(&backup).exists() {
            fine(&self::app(), &["restore", "--json", &backup]).await;
            fs::remove_dir_all(&backup).unwrap();
        }
    }
    assert!(kills > 2, "it was killed {kills} times");
    let mut left = names(folder.path());
    left.retain(|name| !(name.starts_with(".backup.") && name.ends_with(".unfinished")));
    assert_eq!(left, ["backup"]);
    fine(&self::app(), &["restore", "--json", &backup]).await;
}

/// The state is that before or that of the backup, whole, and the next restore is complete.
#[tokio::test]
async fn a_killed_restore_exchanges_all_or_nothing_and_is_run_again() {
    let app = start(24).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = at(&folder, "backup");
    sql(&app, json!([["INSERT INTO totals VALUES (1, 1)"]])).await;
    app.call(Method::PUT, "/kv/default/state", "old")
        .await
        .expect(200);
    fine(app.app(), &["backup", "--json", &backup]).await;
    let mut kills = 0;
    let mut app = app;
    for lines in (1..).step_by(20) {
        sql(&app, json!([["UPDATE totals SET entries = 2"]])).await;
        app.call(Method::PUT, "/kv/default/state", "new")
            .await
            .expect(200);
        let stopped = app.stop().await;
        let is_killed = killed_after(&stopped, &["restore", "--json", &backup], lines).await;
        kills += usize::from(is_killed);
        if is_killed && stopped.state().join("restore.unfinished").exists() {
            let ended = stopped.refuse().await;
            assert!(
                ended.text.contains("run `terrace restore` again"),
                "{}",
                ended.text
            );
            fine(&stopped, &["restore", "--json", &backup]).await;
        }
        app = stopped.start().await;
        let entries = sql(&app, json!([["SELECT entries FROM totals"]])).await[0][0].clone();
        let store = app.get("/kv/default/state").await.expect(200).text();
        let both = [(json!(1), "old"), (json!(2), "new")];
        assert!(
            both.contains(&(entries, &store)),
            "both files are of one state"
        );
        if !is_killed {
            assert_eq!(store, "old");
            break;
        }
    }
    assert!(kills > 1, "it was killed {kills} times");
}

/// What a backup of an app with one row is, and that app.
async fn backed_up(folder: &tempfile::TempDir) -> (App, String) {
    let app = start(1).await;
    sql(&app, json!([["INSERT INTO totals VALUES (1, 1)"]])).await;
    let backup = at(folder, "backup");
    fine(app.app(), &["backup", "--json", &backup]).await;
    sql(&app, json!([["UPDATE totals SET entries = 2"]])).await;
    (app.stop().await, backup)
}

async fn entries(app: &App) -> String {
    let select = ["exec", "--json", "SELECT entries FROM totals"];
    let ended = app.sql(&select).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    last_event(&ended)["rows"].to_string()
}

#[tokio::test]
async fn a_state_that_is_used_is_not_restored_and_the_old_state_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (app, backup) = backed_up(&folder).await;
    let running = app.start().await;
    refused(
        running.app(),
        &["restore", &backup],
        "a server or another command uses the state",
    )
    .await;
    let app = running.stop().await;
    let database = app.state().join("default.db");
    let other = rusqlite::Connection::open(&database).unwrap();
    let count = |other: &rusqlite::Connection| {
        other.query_row("SELECT entries FROM totals", [], |row| row.get::<_, i64>(0))
    };
    assert_eq!(count(&other), Ok(2));
    refused(
        &app,
        &["restore", &backup],
        "another process uses the database",
    )
    .await;
    drop(other);
    assert_eq!(entries(&app).await, "[[2]]");
    let restored = fine(&app, &["restore", "--json", &backup]).await;
    assert_eq!(entries(&app).await, "[[1]]");
    let kept = restored["kept"].as_array().unwrap();
    let kept = kept
        .iter()
        .map(|path| PathBuf::from(path.as_str().unwrap()));
    let kept: Vec<_> = kept
        .filter(|path| path.display().to_string().contains("default.db.before-"))
        .collect();
    let old = rusqlite::Connection::open(&kept[0]).unwrap();
    assert_eq!(count(&old), Ok(2));
}

/// Nothing of a restore that was refused is left.
async fn check_unchanged(app: &App) {
    assert_eq!(entries(app).await, "[[2]]");
    let mut left = names(&app.state());
    left.retain(|name| name.contains("restor") || name.contains("before"));
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_backup_that_is_damaged_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (app, backup) = backed_up(&folder).await;
    let restore = ["restore", backup.as_str()];
    let database = Path::new(&backup).join("sql.default.db");
    let whole = fs::read(&database).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let short = &whole[..whole.len() - 1];
    let long = [&whole[..], b"x"].concat();
    for damaged in [&changed[..], short, &long, b""] {
        fs::write(&database, damaged).unwrap();
        refused(&app, &restore, "is not as it was when the backup was made").await;
    }
    fs::remove_file(&database).unwrap();
    refused(&app, &restore, "sql.default.db cannot be read").await;
    check_unchanged(&app).await;
}

#[tokio::test]
async fn a_backup_of_others_or_that_lies_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (app, backup) = backed_up(&folder).await;
    let restore = ["restore", backup.as_str()];
    let manifest = Path::new(&backup).join("backup.json");
    let said = fs::read_to_string(&manifest).unwrap();
    let lies = [
        (
            "\"format\": 1",
            "\"format\": 2",
            "in a format that this version does not know",
        ),
        (
            "\"app\": \"tested\"",
            "\"app\": \"other\"",
            "the backup is of the app `other`",
        ),
        (
            "\"sql.default.db\"",
            "\"../sql.default.db\"",
            "it names a file that cannot be one",
        ),
        ("\"sql.default\"", "\"sql.gone\"", "the settings do not"),
        ("{", "", "backup.json is damaged"),
    ];
    for (true_word, lie, why) in lies {
        assert!(said.contains(true_word), "{said}");
        fs::write(&manifest, said.replace(true_word, lie)).unwrap();
        refused(&app, &restore, why).await;
    }
    fs::write(&manifest, "x".repeat(2 << 20)).unwrap();
    refused(&app, &restore, "backup.json is damaged").await;
    fs::remove_file(&manifest).unwrap();
    refused(&app, &restore, "is no backup").await;
    fs::write(&manifest, &said).unwrap();
    let moved = app.config("[kv.default]\nurl = \"redis://cache\"");
    refused(&moved, &restore, "the settings do not").await;
    check_unchanged(&moved).await;
}

/// A full disk, as a limit on the size of the files that the process may write.
#[tokio::test]
async fn a_full_disk_fails_a_backup_and_a_restore_and_leaves_nothing_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (app, backup) = backed_up(&folder).await;
    let writer = rusqlite::Connection::open(app.state().join("default.db")).unwrap();
    // Both wait until the limit is there.
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let second = at(&folder, "second");
    let process = app.begin(&["backup", &second]);
    process.limit_file_size(Some(256 << 10));
    writer.execute_batch("ROLLBACK").unwrap();
    drop(writer);
    let ended = process.wait().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(
        ended.text.contains("second"),
        "it names the file: {}",
        ended.text
    );
    assert_eq!(names(folder.path()), ["backup"]);

    let process = app.begin(&["restore", "--json", &backup]);
    process.limit_file_size(Some(256 << 10));
    let ended = process.wait().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert_eq!(entries(&app).await, "[[2]]");
    assert!(
        !names(&app.state())
            .iter()
            .any(|name| name.contains("restoring"))
    );
    fine(&app, &["restore", "--json", &backup]).await;
    assert_eq!(entries(&app).await, "[[1]]");
}

#[tokio::test]
async fn state_on_servers_is_named_with_the_tool_that_copies_it() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _) = backed_up(&folder).await;
    let app = app.config(
        "[sql.orders]\nurl = \"postgres://app:secret@db/orders\"\n[kv.default]\nurl = \"redis://:secret@cache/1\"\n\
         [queue]\nurl = \"nats://app:secret@queue:4222\"",
    );
    let backup = at(&folder, "other");
    let ended = app.begin(&["backup", &backup]).wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    for tool in [
        "sql.orders is at postgres://db/orders; make a backup of it with `pg_dump --format=custom --file=FILE --dbname=postgres://db/orders`",
        "kv.default is at redis://cache/1; make a backup of it with `redis-cli -u redis://cache/1 --rdb FILE`",
        "queue is at nats://queue:4222; make a backup of it with `nats --server nats://queue:4222 account backup FOLDER`",
        "sql.default (",
    ] {
        assert!(ended.text.contains(tool), "{tool}: {}", ended.text);
    }
    assert!(!ended.text.contains("secret"), "{}", ended.text);
    let ended = app.begin(&["restore", &backup]).wait().await;
    assert!(
        ended
            .text
            .contains("not restored: sql.orders is at postgres://db/orders"),
        "{}",
        ended.text
    );
}

#[tokio::test]
async fn messages_and_events_that_wait_are_in_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let table = "CREATE TABLE outbox (number INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, \
        source TEXT NOT NULL, type TEXT NOT NULL, subject TEXT, time TEXT, datacontenttype TEXT, data BLOB)";
    let consuming = |judge: &Judge| {
        let url = judge.url();
        app()
            .component("mailer", guest("relay"))
            .grant(&format!("allowed_outbound_hosts = [{url:?}]"))
            .grant(&format!("variables = {{ judge = {url:?} }}"))
            .limit("consumes = [{ queue = \"mail\", backoff = \"10ms\", max_backoff = \"50ms\", retries = 1000 }]")
            .section("[application.tool.terrace]\noutbox = [\"default\"]\nmigrations = { default = \"migrations\" }")
            .file("migrations/0001_outbox.sql", table)
    };
    let busy = Judge::new(async |_| Verdict::failed()).await;
    let app = consuming(&busy).start().await;
    let insert =
        "INSERT INTO outbox (queue, id, source, type) VALUES ('mail', ?, '/tests', 'tested')";
    let script: Vec<_> = (0..50)
        .map(|id| json!([insert, format!("{id:02}")]))
        .collect();
    sql(&app, script.into()).await;
    busy.until_answered(1).await;
    // What a process works on belongs to it for some seconds, also in a backup.
    let app = app.stop().await;
    let backup = at(&folder, "backup");
    let made = fine(&app, &["backup", "--json", &backup]).await;
    assert_eq!(made["databases"].as_array().unwrap().len(), 3, "{made}");
    drop(app);
    let mild = Judge::mild().await;
    let other = consuming(&mild);
    fine(&other, &["restore", "--json", &backup]).await;
    let _other = other.start().await;
    until("all are delivered", async || {
        (mild.counts().len() == 50).then_some(())
    })
    .await;
}
