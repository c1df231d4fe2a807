//! Findings, and the mends that they name: each is applied, and the query is then quicker by far.

use super::harness::{Engine, Fixture, far, run};
use crate::sql::{Advice, Finding, FindingKind, Mend, Request, Value};

on_each_engine! {
    (flavor = "current_thread") {
        a_missing_index_is_named_and_helps,
        a_query_that_reads_little_is_not_named,
        a_repeated_query_is_named_with_the_one_that_would_do,
        a_result_without_limit_is_named,
        a_scan_of_a_table_that_grows_is_named,
        a_scan_of_a_table_that_changes_is_not_named,
        an_index_with_the_first_columns_of_another_is_named,
        statements_that_are_not_portable_are_known,
    }
}

/// A table with twenty thousand rows in groups of four.
async fn things(engine: Engine) -> Fixture {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, day TEXT NOT NULL, name TEXT)",
        "INSERT INTO thing (id, grp, day, name) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         SELECT i, i % 5000, 'day ' || (i % 7), 'thing ' || i FROM n",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    fixture
}

async fn ask(fixture: &Fixture, sql: &str, times: i64) {
    let mut session = fixture.database.session();
    for id in 0..times {
        let request = Request::new("shop".into(), "/buy".into());
        let values = if sql.contains('?') {
            vec![Value::Integer(id)]
        } else {
            Vec::new()
        };
        session
            .execute_for(&request, sql, values, far())
            .await
            .unwrap();
    }
}

async fn advise(fixture: &Fixture) -> Advice {
    let advice = fixture.database.advise(far()).await;
    assert_eq!(advice.unexamined, None);
    advice
}

#[track_caller]
fn only(advice: &Advice, kind: FindingKind) -> &Finding {
    let mut found = advice
        .findings
        .iter()
        .filter(|finding| finding.kind == kind);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("{:?}", advice.findings));
    assert_eq!(found.next(), None);
    first
}

/// Has the server know how many rows there are, as its own upkeep would soon.
async fn analyze(fixture: &Fixture) {
    if let Some(server) = &fixture.server {
        administer(&server.url(), "ANALYZE").await;
    }
}

/// Waits until the server has counted the rows of [`things`], which it does some seconds late.
async fn counted(fixture: &Fixture) {
    let Some(server) = &fixture.server else {
        return;
    };
    let client = administrator(&server.url()).await;
    let inserted = "SELECT coalesce(sum(n_tup_ins), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'thing'";
    let deadline = far();
    loop {
        let row = client.query_one(inserted, &[]).await.unwrap();
        if row.get::<_, i64>(0) == 20_000 {
            return;
        }
        assert!(crate::clock::now() < deadline, "the server counts nothing");
    }
}

async fn administer(url: &str, sql: &str) -> bool {
    let client = administrator(url).await;
    client.batch_execute(sql).await.is_ok()
}

/// A connection to the server beside those of the database.
async fn administrator(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn a_missing_index_is_named_and_helps(engine: Engine) {
    let fixture = things(engine).await;
    analyze(&fixture).await;
    let select = "SELECT name FROM thing WHERE grp = ?";
    ask(&fixture, select, 20).await;
    let advice = advise(&fixture).await;
    let finding = only(&advice, FindingKind::MissingIndex);
    assert_eq!(finding.subject, select);
    let Mend::Statement(mend) = &finding.mend else {
        panic!("{finding:?}")
    };
    assert_eq!(mend, "CREATE INDEX thing_by_grp ON thing (grp)");
    run(&mut fixture.database.session(), mend).await.unwrap();
    analyze(&fixture).await;
    let advice = advise(&fixture).await;
    assert_eq!(advice.findings, []);
    let plan = advice.shapes[0].plan.join("\n");
    assert!(plan.contains("thing_by_grp"), "{plan}");
}

async fn a_query_that_reads_little_is_not_named(engine: Engine) {
    let fixture = things(engine).await;
    analyze(&fixture).await;
    ask(&fixture, "SELECT name FROM thing WHERE id = ?", 50).await;
    ask(&fixture, "SELECT name FROM thing ORDER BY id LIMIT 50", 50).await;
    // No index helps, and the table does not grow.
    ask(
        &fixture,
        "SELECT count(*) FROM thing WHERE day <> 'day 0'",
        20,
    )
    .await;
    // Nine calls are somebody's test.
    ask(&fixture, "SELECT id FROM thing WHERE grp = ?", 9).await;
    assert_eq!(advise(&fixture).await.findings, []);
}

async fn a_repeated_query_is_named_with_the_one_that_would_do(engine: Engine) {
    let fixture = things(engine).await;
    let mut session = fixture.database.session();
    for _ in 0..3 {
        let request = Request::new("shop".into(), "/buy".into());
        for id in 0..40 {
            let select = "SELECT name FROM thing WHERE id = ?";
            let asked = session.execute_for(&request, select, vec![Value::Integer(id)], far());
            asked.await.unwrap();
        }
    }
    let advice = advise(&fixture).await;
    let finding = only(&advice, FindingKind::RepeatedQuery);
    let instead = "SELECT id, name FROM thing WHERE id IN (?, ?, …)";
    assert_eq!(finding.mend, Mend::Query(instead.to_owned()));
    let (component, route) = finding.place.as_ref().unwrap();
    assert_eq!((&**component, &**route), ("shop", "/buy"));
    assert!(finding.evidence.contains(&("most_in_a_request", 40)));
    assert_eq!(advice.findings.len(), 1, "{:?}", advice.findings);
}

async fn a_result_without_limit_is_named(engine: Engine) {
    let fixture = things(engine).await;
    ask(&fixture, "SELECT id, name FROM thing", 12).await;
    ask(
        &fixture,
        "SELECT id, day FROM thing ORDER BY id LIMIT 5000",
        12,
    )
    .await;
    let advice = advise(&fixture).await;
    let finding = only(&advice, FindingKind::NoLimit);
    assert_eq!(finding.subject, "SELECT id, name FROM thing");
    assert!(finding.evidence.contains(&("mean_rows", 20_000)));
    assert_eq!(advice.findings.len(), 1, "{:?}", advice.findings);
}

async fn an_index_with_the_first_columns_of_another_is_named(engine: Engine) {
    let fixture = things(engine).await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE INDEX short ON thing (grp)",
        "CREATE INDEX long ON thing (grp, day)",
        "CREATE INDEX other ON thing (day)",
        "CREATE UNIQUE INDEX single ON thing (id)",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    ask(
        &fixture,
        "UPDATE thing SET name = 'other' WHERE grp = ?",
        20,
    )
    .await;
    ask(
        &fixture,
        "SELECT name FROM thing WHERE day = 'day 1' LIMIT 3",
        1,
    )
    .await;
    let advice = advise(&fixture).await;
    let finding = only(&advice, FindingKind::DuplicateIndex);
    assert_eq!(finding.mend, Mend::Statement("DROP INDEX short".to_owned()));
}

async fn statements_that_are_not_portable_are_known(engine: Engine) {
    let fixture = things(engine).await;
    ask(&fixture, "SELECT name FROM thing WHERE id = ?", 1).await;
    let shapes = advise(&fixture).await.shapes;
    assert_eq!(shapes[0].refusal, None);
    if matches!(engine, Engine::Sqlite) {
        ask(&fixture, "SELECT day, name FROM thing GROUP BY day", 1).await;
        let advice = advise(&fixture).await;
        let refused = advice.shapes.iter().filter(|shape| shape.refusal.is_some());
        assert_eq!(refused.count(), 1);
    }
}

#[tokio::test]
async fn an_unused_index_is_named_once_its_table_was_written_often() {
    let fixture = things(Engine::Sqlite).await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE INDEX used ON thing (grp)",
        "CREATE INDEX unused ON thing (name)",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    ask(&fixture, "SELECT name FROM thing WHERE grp = ?", 5).await;
    ask(&fixture, "UPDATE thing SET name = 'same' WHERE id = ?", 499).await;
    assert_eq!(advise(&fixture).await.findings, []);
    ask(&fixture, "UPDATE thing SET name = 'same' WHERE id = ?", 1).await;
    let advice = advise(&fixture).await;
    let finding = only(&advice, FindingKind::UnusedIndex);
    assert_eq!(
        finding.mend,
        Mend::Statement("DROP INDEX unused".to_owned())
    );
}

async fn a_scan_of_a_table_that_grows_is_named(engine: Engine) {
    let fixture = things(engine).await;
    counted(&fixture).await;
    let sum = "SELECT max(length(name)) FROM thing";
    for _ in 0..12 {
        ask(&fixture, sum, 1).await;
        let grow =
            "INSERT INTO thing (grp, day, name) SELECT grp, day, name FROM thing WHERE id <= 300";
        ask(&fixture, grow, 1).await;
    }
    analyze(&fixture).await;
    let deadline = far();
    let advice = loop {
        let advice = advise(&fixture).await;
        // A server counts inserted rows a second late.
        if !advice.findings.is_empty() || crate::clock::now() > deadline {
            break advice;
        }
    };
    let finding = only(&advice, FindingKind::GrowingScan);
    assert_eq!(finding.subject, sum);
    let evidence = |name| finding.evidence.iter().find(|(it, _)| *it == name).unwrap();
    let (_, first) = evidence("first_scanned_rows");
    let (_, last) = evidence("last_scanned_rows");
    // SQLite counts its steps from one row to the next. A server is asked some calls after the first one.
    assert!((19_999..=21_500).contains(first), "{finding:?}");
    assert!((23_000..=23_700).contains(last), "{finding:?}");
}

/// Changes leave old versions of rows behind, which are no growth.
async fn a_scan_of_a_table_that_changes_is_not_named(engine: Engine) {
    let fixture = things(engine).await;
    counted(&fixture).await;
    for _ in 0..12 {
        ask(&fixture, "SELECT max(length(name)) FROM thing", 1).await;
        ask(
            &fixture,
            "UPDATE thing SET name = name || 'x' WHERE id <= 5000",
            1,
        )
        .await;
    }
    analyze(&fixture).await;
    assert_eq!(advise(&fixture).await.findings, []);
}

#[tokio::test]
async fn indexes_are_tried_without_touching_the_database() {
    let fixture = things(Engine::Sqlite).await;
    for sql in [
        "CREATE TABLE part (id INTEGER PRIMARY KEY, thing_id INTEGER REFERENCES thing (id) ON DELETE CASCADE)",
        "INSERT INTO part SELECT id, id FROM thing WHERE id <= 5000",
    ] {
        run(&mut fixture.database.session(), sql).await.unwrap();
    }
    ask(&fixture, "DELETE FROM thing WHERE id = ?", 20).await;
    ask(&fixture, "SELECT id FROM thing WHERE lower(name) = ?", 20).await;
    ask(
        &fixture,
        "SELECT id FROM thing WHERE grp = ? ORDER BY day DESC LIMIT 3",
        20,
    )
    .await;
    let statements = |advice: &Advice| -> Vec<String> {
        let findings = advice.findings.iter();
        let mut all: Vec<_> = findings
            .map(|finding| finding.mend.text().to_owned())
            .collect();
        all.sort();
        all
    };
    let found = statements(&advise(&fixture).await);
    let expected = [
        "CREATE INDEX part_by_thing_id ON part (thing_id)",
        "CREATE INDEX thing_by_grp_and_day ON thing (grp, day)",
        "CREATE INDEX thing_by_lower_name ON thing (lower(name))",
    ];
    assert_eq!(found[0], expected[0]);
    assert!(
        found[1].starts_with("CREATE INDEX thing_by_grp"),
        "{found:?}"
    );
    assert_eq!((&*found[2], found.len()), (expected[2], 3));
    let count = |sql: &'static str| {
        let mut session = fixture.database.session();
        async move { super::harness::one(&mut session, sql).await }
    };
    let indexes = count("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").await;
    assert_eq!(indexes, Value::Integer(0));
    // Twenty calls deleted 19 rows: the first one asked for the id 0. The trials have deleted none.
    assert_eq!(
        count("SELECT count(*) FROM thing").await,
        Value::Integer(20_000 - 19)
    );
}

#[tokio::test]
async fn a_server_with_hypopg_is_asked_for_the_cost_of_an_index() {
    let fixture = things(Engine::Postgres).await;
    let url = fixture.server.as_ref().unwrap().url();
    if !administer(&url, "CREATE EXTENSION hypopg").await {
        println!("not run: a Postgres server without hypopg: install postgresql-15-hypopg");
        return;
    }
    analyze(&fixture).await;
    ask(
        &fixture,
        "SELECT name FROM thing WHERE grp = ? AND day <> 'x'",
        20,
    )
    .await;
    let advice = advise(&fixture).await;
    let finding = only(&advice, FindingKind::MissingIndex);
    assert_eq!(
        finding.mend.text(),
        "CREATE INDEX thing_by_grp ON thing (grp)"
    );
    assert!(
        finding.gain.contains("the server plans"),
        "{}",
        finding.gain
    );
}
