//! Promise: a schedule fires at each of its times once, in one of all servers; a time that was missed is caught up or skipped as said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::Connection;
use terrace_tests::contract::exit;
use terrace_tests::judge::Judge;
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};

/// A component that is called by the clock as this entry says, and asks the judge what to answer.
fn scheduled(judge: &Judge, schedules: &str) -> App {
    let url = judge.url();
    App::new()
        .component("mailer", guest("relay"))
        .grant(&format!("allowed_outbound_hosts = [{url:?}]"))
        .grant(&format!("variables = {{ judge = {url:?} }}"))
        .limit(&format!("schedules = [{schedules}]"))
        .route("/unused")
}

const EACH_SECOND: &str = "{ name = \"tick\", cron = \"* * * * * *\" }";

/// The file of the queues.
fn file(app: &App) -> PathBuf {
    app.state().join("queue.db")
}

/// When schedules come next, in seconds since 1970, by their names and rules.
fn next(app: &App) -> BTreeMap<String, i64> {
    let Ok(database) = Connection::open(file(app)) else {
        return BTreeMap::new();
    };
    let Ok(mut rows) = database.prepare("SELECT name, next FROM schedules") else {
        return BTreeMap::new();
    };
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("it can be read")
        .map(|row| row.expect("it is a row"))
        .collect()
}

/// Waits until these schedules are set, and no others.
async fn until_set(app: &App, names: &[&str]) -> BTreeMap<String, i64> {
    until(&format!("{names:?} are set"), async || {
        let set = next(app);
        set.keys().eq(names).then_some(set)
    })
    .await
}

async fn until_fired(app: &Running, result: &str, least: f64) {
    let labels = [("queue", "schedules.mailer"), ("result", result)];
    let firings = "terrace_schedule_firings_total";
    app.until_metric(firings, &labels, |fired| fired >= least)
        .await;
}

#[tokio::test]
async fn a_schedule_fires_once_in_all_servers() {
    let judge = Judge::mild().await;
    let app = scheduled(&judge, EACH_SECOND);
    let (_one, _two) = tokio::join!(app.start_beside(), app.start_beside());
    let heard = judge.until_answered(5).await;
    assert!(judge.counts().values().all(|count| *count == 1));
    for delivery in &heard {
        assert_eq!(delivery.queue, "schedules.mailer");
        let id = format!("mailer/tick/{}", delivery.field("ce-time"));
        for (field, expected) in [
            ("ce-id", &*id),
            ("ce-source", "/schedules/mailer"),
            ("ce-type", "terrace.schedule"),
            ("ce-subject", "tick"),
        ] {
            assert_eq!(delivery.field(field), expected);
        }
    }
    assert!(heard.is_sorted_by(|one, two| one.field("ce-time") < two.field("ce-time")));
}

#[tokio::test]
async fn a_missed_time_is_caught_up_or_skipped_as_said() {
    let judge = Judge::mild().await;
    let yearly = |name: &str, more: &str| {
        format!("{{ name = {name:?}, cron = \"0 0 1 1 *\", timezone = \"Europe/Vienna\"{more} }}")
    };
    let schedules = [
        yearly("caught", ""),
        yearly("skipped", ", missed = \"skip\""),
    ];
    let app = scheduled(&judge, &schedules.join(", "));
    let first = app.start_beside().await;
    let names = ["caught", "skipped"].map(|name| format!("mailer/{name} 0 0 1 1 * Europe/Vienna"));
    let set = until_set(&app, &names.each_ref().map(|name| &**name)).await;
    first.process.kill();
    first.process.wait().await;
    // As if it had been away for some years.
    let missed = "2020-12-31T23:00:00Z";
    let database = Connection::open(file(&app)).unwrap();
    let put_back = "UPDATE schedules SET next = unixepoch(?1)";
    assert_eq!(database.execute(put_back, [missed]).unwrap(), 2);
    drop(database);
    let app = app.start().await;
    let heard = judge.until_answered(1).await;
    assert_eq!(heard[0].field("ce-subject"), "caught");
    assert_eq!(
        heard[0].field("ce-time"),
        missed,
        "the first that it missed"
    );
    until_fired(&app, "missed", 1.0).await;
    until("both have moved on", async || {
        (next(app.app()) == set).then_some(())
    })
    .await;
    assert_eq!(judge.heard().len(), 1, "one for all of them");
}

#[tokio::test]
async fn a_time_whose_predecessor_waits_is_left_out() {
    let (judge, gate) = Judge::gated().await;
    let app = scheduled(&judge, EACH_SECOND).start().await;
    until_fired(&app, "waiting", 2.0).await;
    assert_eq!(judge.heard().len(), 1, "one is in work");
    let shown = app
        .administer(&["queue", "show", "schedules.mailer", "--json"])
        .await;
    let shown: serde_json::Value = serde_json::from_str(shown.text.trim()).unwrap();
    let states = shown["messages"].as_array().unwrap().iter();
    let states: Vec<_> = states.map(|message| &message["state"]).collect();
    assert_eq!(states, ["claimed", "blocked"], "and one waits for it");
    gate.add_permits(3);
    judge.until_answered(3).await;
}

#[tokio::test]
async fn schedules_are_added_changed_and_removed_by_a_swap() {
    let judge = Judge::mild().await;
    let daily = |cron: &str| format!("{{ name = \"daily\", cron = {cron:?} }}");
    let other = "{ name = \"other\", cron = \"0 0 1 1 *\" }";
    let app = scheduled(&judge, other).develop().await;
    let manifest = app.app().folder().join("spin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let (before, after) = text.split_once(other).unwrap();
    let swap = |schedules: &str| {
        let aside = manifest.with_extension("new");
        std::fs::write(&aside, format!("{before}{schedules}{after}")).unwrap();
        std::fs::rename(&aside, &manifest).unwrap();
    };
    let kept = "mailer/other 0 0 1 1 * UTC";
    let set = until_set(app.app(), &[kept]).await;
    swap(&format!("{other}, {}", daily("0 7 * * *")));
    until_set(app.app(), &["mailer/daily 0 7 * * * UTC", kept]).await;
    swap(&format!("{other}, {}", daily("* * * * * *")));
    judge.until_answered(1).await;
    let changed = until_set(app.app(), &["mailer/daily * * * * * * UTC", kept]).await;
    assert_eq!(changed[kept], set[kept], "it goes on as it was");
    swap("");
    until_set(app.app(), &[]).await;
}

#[tokio::test]
async fn schedules_that_name_no_time_are_refused_at_start_and_by_check() {
    let judge = Judge::mild().await;
    let app = scheduled(
        &judge,
        "{ name = \"never\", cron = \"0 0 30 2 *\" }, { name = \"where\", cron = \"0 7 * * *\", timezone = \"Europe/Viena\" }, \
         { name = \"when\", cron = \"every day\" }, { name = \"twice\", cron = \"@daily\" }, { name = \"twice\", cron = \"@daily\" }",
    );
    for ended in [app.refuse().await, app.check().await] {
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        for words in [
            "spin.toml",
            "no time is ever like that",
            "did you mean `Europe/Vienna`?",
            "`every day` is no line of cron",
            "two schedules of one component are called `twice`",
        ] {
            assert!(ended.text.contains(words), "no `{words}` in {}", ended.text);
        }
    }
}
