//! Findings about results that functions do not use.

use super::harness::{Engine, Fixture, far, run};
use crate::sql::limits::MIN_JUDGED_CALLS;
use crate::sql::{Finding, FindingKind, Request, Value};

on_each_engine! {
    (flavor = "current_thread") {
        results_of_which_little_is_handed_on_are_named,
        results_that_are_handed_on_are_not_named,
        rows_that_are_left_unread_are_named,
    }
}

/// Forty texts of a thousand bytes.
async fn texts(engine: Engine) -> Fixture {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    let insert = "INSERT INTO manual (id, body) \
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
        SELECT i, replace('..........', '.', '0123456789') FROM n";
    for sql in [
        "CREATE TABLE manual (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
        insert,
    ] {
        run(&mut session, sql).await.unwrap();
    }
    fixture
}

const ALL: &str = "SELECT id, body FROM manual ORDER BY id LIMIT 400";

fn request() -> Request {
    Request::new("shop".into(), "/manuals".into())
}

/// Reads all texts in a request that hands on so much, and answers with so much. The rows that it leaves unread.
async fn ask(fixture: &Fixture, handed_on: u64, answered: u64, left: u64) {
    let mut session = fixture.database.session();
    let request = request();
    let (rows, reader) = session
        .execute_for(&request, ALL, Vec::new(), far())
        .await
        .unwrap();
    assert_eq!(rows.rows.len(), 400);
    if left > 0 {
        reader.leave(left);
    }
    request.hand_on(handed_on);
    request.answer(answered);
    // A connection that closes twice is one response.
    request.answer(0);
}

async fn findings(fixture: &Fixture) -> Vec<Finding> {
    fixture.database.advise(far()).await.findings
}

async fn results_of_which_little_is_handed_on_are_named(engine: Engine) {
    let fixture = texts(engine).await;
    for _ in 1..MIN_JUDGED_CALLS {
        ask(&fixture, 0, 1_000, 0).await;
    }
    // Nine requests are somebody's test.
    assert_eq!(findings(&fixture).await, []);
    ask(&fixture, 0, 1_000, 0).await;
    let found = findings(&fixture).await;
    let [finding] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(finding.kind, FindingKind::UnreadResults);
    assert_eq!(
        finding.subject,
        "SELECT id, body FROM manual ORDER BY id LIMIT ?"
    );
    for evidence in [
        ("requests", 10),
        ("mean_rows", 400),
        ("mean_result_bytes", 400 * 108),
        ("mean_handed_on_bytes", 1_000 + ALL.len() as u64),
    ] {
        assert!(finding.evidence.contains(&evidence), "{finding:?}");
    }
    let (component, route) = finding.place.as_ref().unwrap();
    assert_eq!((&**component, &**route), ("shop", "/manuals"));
}

async fn results_that_are_handed_on_are_not_named(engine: Engine) {
    let fixture = texts(engine).await;
    for number in 0..20 {
        // Five times less, as if compressed: to the client, to a store, or to a server without saying how much.
        let (handed_on, answered) = [(0, 8_000), (8_000, 10), (u64::MAX, 10)][number % 3];
        ask(&fixture, handed_on, answered, 0).await;
    }
    // The database gets it.
    let mut session = fixture.database.session();
    for _ in 0..20 {
        let request = request();
        session
            .execute_for(&request, ALL, Vec::new(), far())
            .await
            .unwrap();
        let copy = "UPDATE manual SET body = ? WHERE id = 1";
        let text = Value::Text("x".repeat(10_000));
        session
            .execute_for(&request, copy, vec![text], far())
            .await
            .unwrap();
        request.answer(10);
    }
    // A client that leaves has no say.
    for _ in 0..20 {
        let asked = session
            .execute_for(&request(), ALL, Vec::new(), far())
            .await;
        asked.unwrap();
    }
    assert_eq!(findings(&fixture).await, []);
}

async fn rows_that_are_left_unread_are_named(engine: Engine) {
    let fixture = texts(engine).await;
    for number in 0..30 {
        // Sometimes all is read.
        let left = if number % 3 == 0 { 0 } else { 399 };
        ask(&fixture, 0, 40_000, left).await;
    }
    let found = findings(&fixture).await;
    let [finding] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(finding.kind, FindingKind::UnreadResults);
    assert!(
        finding.evidence.contains(&("mean_unread_rows", 266)),
        "{finding:?}"
    );
    assert!(
        finding.mend.text().contains("about 134 rows"),
        "{finding:?}"
    );
}
