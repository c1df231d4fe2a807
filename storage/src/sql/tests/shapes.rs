//! Statistics by shape of query, as requests make them.

use std::sync::Arc;

use super::harness::{Engine, far, run, soon};
use crate::sql::{Database, Error, Observed, Request, Rows, Session, ShapeStatistics, Value};

on_each_engine! {
    (flavor = "current_thread") {
        statements_of_requests_are_counted_by_their_shape,
        rows_and_errors_are_counted,
        a_statement_that_is_given_up_is_counted,
        runs_in_one_request_are_counted,
        requests_that_share_their_sessions_are_not_told_apart,
        open_transactions_are_timed,
    }
}

fn request() -> Request {
    Request::new("shop".into(), "/buy".into())
}

async fn ask(session: &mut Session, request: &Request, sql: &str) -> Result<Rows, Error> {
    let asked = session.execute_for(request, sql, Vec::new(), far()).await;
    asked.map(|(rows, _)| rows)
}

fn observed(database: &Database) -> Observed {
    database.observed()
}

#[track_caller]
fn shape<'o>(observed: &'o Observed, text: &str) -> &'o ShapeStatistics {
    let found = observed.shapes.iter().find(|shape| &*shape.text == text);
    found.unwrap_or_else(|| panic!("no {text} in {:?}", observed.shapes))
}

async fn statements_of_requests_are_counted_by_their_shape(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for id in 0..100 {
        let insert = format!("INSERT INTO item (id, name) VALUES ({id}, 'n{id}')");
        ask(&mut session, &request(), &insert).await.unwrap();
        let select = format!("SELECT name FROM item WHERE id = {id}");
        ask(&mut session, &request(), &select).await.unwrap();
    }
    // What the host asks for itself is not counted.
    run(&mut session, "SELECT count(*) FROM item")
        .await
        .unwrap();
    let observed = observed(&fixture.database);
    assert_eq!(observed.shapes.len(), 2);
    for text in [
        "INSERT INTO item (id, name) VALUES (?, …)",
        "SELECT name FROM item WHERE id = ?",
    ] {
        let shape = shape(&observed, text);
        assert_eq!((shape.calls, shape.errors), (100, 0));
        assert!(shape.p50 <= shape.p95 && shape.p95 <= shape.p99 && shape.time >= shape.waited);
    }
}

async fn rows_and_errors_are_counted(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for insert in ["(1, 'a')", "(2, 'b')", "(3, 'c')"] {
        let insert = format!("INSERT INTO item VALUES {insert}");
        ask(&mut session, &request(), &insert).await.unwrap();
    }
    ask(&mut session, &request(), "INSERT INTO item VALUES (3, 'd')")
        .await
        .unwrap_err();
    for least in [0, 2] {
        let select = format!("SELECT id, name FROM item WHERE name >= 'a' AND id > {least}");
        ask(&mut session, &request(), &select).await.unwrap();
    }
    let observed = observed(&fixture.database);
    let insert = shape(&observed, "INSERT INTO item VALUES (?, …)");
    assert_eq!((insert.calls, insert.errors, insert.rows), (4, 1, 0));
    let select = shape(
        &observed,
        "SELECT id, name FROM item WHERE name >= ? AND id > ?",
    );
    assert_eq!((select.calls, select.rows, select.most_rows), (2, 4, 3));
}

async fn a_statement_that_is_given_up_is_counted(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    let endless = super::harness::ENDLESS;
    let request = request();
    let asked = session.execute_for(&request, endless, Vec::new(), far());
    tokio::time::timeout_at(soon().into(), asked)
        .await
        .unwrap_err();
    let mut session = fixture.database.session();
    session
        .execute_for(&request, endless, Vec::new(), soon())
        .await
        .unwrap_err();
    let observed = observed(&fixture.database);
    let [shape] = &observed.shapes[..] else {
        panic!("{observed:?}")
    };
    assert_eq!((shape.calls, shape.errors), (2, 2));
    assert!(shape.p50.as_millis() >= 20);
}

async fn runs_in_one_request_are_counted(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for times in [1, 12, 3] {
        let request = request();
        for id in 0..times {
            let select = "SELECT name FROM item WHERE id = ?";
            let asked = session.execute_for(&request, select, vec![Value::Integer(id)], far());
            asked.await.unwrap();
        }
    }
    let observed = observed(&fixture.database);
    let repeats = observed.shapes[0].repeats.as_ref().unwrap();
    assert_eq!((repeats.most, repeats.requests), (12, 1));
    assert_eq!((&*repeats.component, &*repeats.route), ("shop", "/buy"));
}

async fn requests_that_share_their_sessions_are_not_told_apart(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    let request = Request::shared("shop".into(), "/buy".into());
    for _ in 0..20 {
        ask(&mut session, &request, "SELECT id FROM item")
            .await
            .unwrap();
    }
    let observed = observed(&fixture.database);
    assert_eq!(observed.shapes[0].calls, 20);
    assert!(observed.shapes[0].repeats.is_none());
}

async fn open_transactions_are_timed(engine: Engine) {
    let fixture = engine.with_items().await;
    let request = Arc::new(request());
    for end in ["COMMIT", "ROLLBACK", "", "roll back"] {
        let mut session = fixture.database.session();
        ask(&mut session, &request, "BEGIN").await.unwrap();
        ask(
            &mut session,
            &request,
            "INSERT INTO item (name) VALUES (NULL)",
        )
        .await
        .unwrap();
        match end {
            // The session is dropped.
            "" => {}
            "roll back" => session.roll_back(),
            end => drop(ask(&mut session, &request, end).await.unwrap()),
        }
    }
    let observed = observed(&fixture.database);
    let [(component, route, transactions)] = &observed.transactions[..] else {
        panic!("{observed:?}")
    };
    assert_eq!(
        (&**component, &**route, transactions.count),
        ("shop", "/buy", 4)
    );
    assert!(transactions.idle <= transactions.time && transactions.longest <= transactions.time);
    let insert = shape(&observed, "INSERT INTO item (name) VALUES (NULL)");
    assert_eq!((insert.calls, insert.in_transaction), (4, 4));
}

/// What a call pays for being counted. Run it alone, and optimised: it prints nanoseconds.
#[tokio::test]
#[ignore = "prints a time, which is for people to judge"]
async fn cost_of_counting_a_call() {
    const CALLS: u32 = 200_000;
    let fixture = Engine::Sqlite.with_items().await;
    let mut session = fixture.database.session();
    let text = "SELECT id, name FROM item WHERE id = ? AND name IS NOT NULL ORDER BY name LIMIT 20";
    for round in ["not counted", "counted", "not counted", "counted"] {
        let begun = crate::clock::now();
        for id in 0..CALLS {
            let values = vec![Value::Integer(id.into())];
            let deadline = far();
            if round == "counted" {
                let request = request();
                session
                    .execute_for(&request, text, values, deadline)
                    .await
                    .unwrap();
            } else {
                session.execute(text, values, deadline).await.unwrap();
            }
        }
        let each = (crate::clock::now() - begun) / CALLS;
        println!("{round}: {} ns", each.as_nanos());
    }
}
