//! A network that cuts, swallows and delays, between the engine and the server.

use std::time::{Duration, Instant};

use crate::EngineFailure;
use crate::clock;
use crate::sql::tests::harness::{count, far, one, patient, run, run_with};
use crate::sql::{Database, Error, MAX_OUTCOME_WAIT, MAX_PROBE_WAIT, Rows, Session, Value};
use crate::test_proxy::{Door, Fault, Proxy};
use crate::test_server::Server;

/// Slack for a busy machine. It is far below a request's deadline.
const SLACK: Duration = Duration::from_secs(3);

/// The parameter that the proxy looks for.
const MARK: &str = "the marked one";

/// A database behind a proxy, with an empty table of items.
struct Behind {
    database: Database,
    proxy: Proxy,
    server: Server,
}

async fn behind_a_proxy() -> Behind {
    let server = Server::start();
    let proxy = Proxy::to(server.socket());
    let database = Database::open_postgres(&proxy.url(), &patient()).unwrap();
    let table = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)";
    run(&mut database.session(), table).await.unwrap();
    Behind {
        database,
        proxy,
        server,
    }
}

impl Behind {
    /// The number of items, which another way to the server counts.
    async fn stored(&self) -> i64 {
        let direct = Database::open_postgres(&self.server.url(), &patient()).unwrap();
        count(&mut direct.session()).await
    }
}

async fn read_marked(session: &mut Session, deadline: Instant) -> Result<Rows, Error> {
    let values = vec![Value::from(MARK)];
    session.execute("SELECT ?1 || '!'", values, deadline).await
}

async fn write_marked(session: &mut Session, deadline: Instant) -> Result<Rows, Error> {
    let values = vec![Value::from(MARK)];
    let insert = "INSERT INTO item (name) VALUES (?1)";
    session.execute(insert, values, deadline).await
}

fn failure(result: Result<Rows, Error>) -> EngineFailure {
    let error = result.unwrap_err();
    let failure = error.engine_failure().cloned();
    failure.unwrap_or_else(|| panic!("{error:?}"))
}

fn in_a_moment() -> Instant {
    clock::now() + Duration::from_millis(200)
}

#[tokio::test]
async fn read_whose_connection_is_cut_runs_once_more() {
    let behind = behind_a_proxy().await;
    let mut session = behind.database.session();
    for fault in [Fault::Cut, Fault::CutAnswer(0), Fault::CutAnswer(20)] {
        let retries = behind.database.statistics().retries.get();
        behind.proxy.when(MARK, fault);
        let rows = read_marked(&mut session, far()).await.unwrap().rows;
        assert_eq!(rows, [[Value::from("the marked one!")]]);
        assert_eq!(behind.database.statistics().retries.get(), retries + 1);
        behind.proxy.when(MARK, fault);
        behind.proxy.when(MARK, fault);
        let failure = failure(read_marked(&mut session, far()).await);
        assert!(
            matches!(failure, EngineFailure::Unavailable { .. }),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn write_whose_connection_is_cut_has_an_unknown_outcome_and_is_never_doubled() {
    let behind = behind_a_proxy().await;
    let mut session = behind.database.session();
    let faults = [
        (Fault::Cut, 0),
        (Fault::CutAnswer(0), 1),
        (Fault::CutAnswer(8), 1),
    ];
    let mut expected = 0;
    for (fault, stored) in faults {
        behind.proxy.when(MARK, fault);
        let failure = failure(write_marked(&mut session, far()).await);
        assert_eq!(failure, EngineFailure::OutcomeUnknown, "{fault:?}");
        expected += stored;
        assert_eq!(behind.stored().await, expected, "{fault:?}");
    }
    write_marked(&mut session, far()).await.unwrap();
    assert_eq!(count(&mut session).await, expected + 1);
}

#[tokio::test]
async fn commit_whose_connection_is_cut_has_an_unknown_outcome() {
    let behind = behind_a_proxy().await;
    let mut expected = 0;
    for (fault, stored) in [(Fault::Cut, 0), (Fault::CutAnswer(0), 1)] {
        let mut session = behind.database.session();
        run(&mut session, "BEGIN").await.unwrap();
        write_marked(&mut session, far()).await.unwrap();
        behind.proxy.when("COMMIT\0", fault);
        let failed = failure(run(&mut session, "COMMIT").await);
        assert_eq!(failed, EngineFailure::OutcomeUnknown, "{fault:?}");
        expected += stored;
        assert_eq!(behind.stored().await, expected, "{fault:?}");
        assert!(!session.is_in_transaction());
        // A statement with rows is committed in a message of its own.
        behind.proxy.when("COMMIT\0", fault);
        let returning = "INSERT INTO item (name) VALUES ('a') RETURNING id";
        let failed = failure(run(&mut session, returning).await);
        assert_eq!(failed, EngineFailure::OutcomeUnknown, "{fault:?}");
        expected += stored;
        assert_eq!(behind.stored().await, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn transaction_whose_connection_is_cut_is_lost_as_a_whole() {
    let behind = behind_a_proxy().await;
    let mut session = behind.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('first')")
        .await
        .unwrap();
    behind.proxy.when(MARK, Fault::Cut);
    write_marked(&mut session, far()).await.unwrap_err();
    assert_eq!(
        run(&mut session, "COMMIT").await,
        Err(Error::TransactionLost)
    );
    assert_eq!(count(&mut session).await, 0);
}

#[tokio::test]
async fn silent_server_is_left_at_the_deadline() {
    let behind = behind_a_proxy().await;
    let mut session = behind.database.session();
    for fault in [Fault::Swallow, Fault::SwallowAnswer] {
        let stored = behind.stored().await;
        for is_write in [false, true] {
            behind.proxy.when(MARK, fault);
            let deadline = in_a_moment();
            let result = match is_write {
                false => read_marked(&mut session, deadline).await,
                true => write_marked(&mut session, deadline).await,
            };
            assert!(clock::now() < deadline + MAX_OUTCOME_WAIT + SLACK);
            let expected = match is_write {
                false => EngineFailure::DeadlineExceeded,
                true => EngineFailure::OutcomeUnknown,
            };
            assert_eq!(failure(result), expected, "{fault:?}");
        }
        let written = i64::from(fault == Fault::SwallowAnswer);
        assert_eq!(behind.stored().await, stored + written, "{fault:?}");
    }
}

#[tokio::test]
async fn late_answer_reaches_no_other_statement() {
    let behind = behind_a_proxy().await;
    let mut session = behind.database.session();
    for number in 0..5 {
        let late = Fault::Delay(Duration::from_millis(250 + number));
        behind.proxy.when(MARK, late);
        // It may also come in the time that the engine waits for the outcome.
        match read_marked(&mut session, in_a_moment()).await {
            Ok(rows) => assert_eq!(rows.rows, [[Value::from("the marked one!")]]),
            late => assert_eq!(failure(late), EngineFailure::DeadlineExceeded),
        }
        let value = one(&mut session, &format!("SELECT {number}")).await;
        assert_eq!(value, Value::Integer(i64::try_from(number).unwrap()));
    }
}

/// A firewall that forgets connections says nothing. Only the first statement waits for that.
#[tokio::test]
async fn connections_that_a_firewall_forgot_cost_one_deadline_and_not_one_each() {
    let behind = behind_a_proxy().await;
    let sleep = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT count(*) FROM n";
    let busy = (0..8).map(|_| {
        let mut session = behind.database.session();
        tokio::spawn(async move { run(&mut session, sleep).await })
    });
    for statement in busy.collect::<Vec<_>>() {
        statement.await.unwrap().unwrap();
    }
    let opened = behind.database.statistics().connections_opened.get();
    assert!(opened > 2, "{opened}");
    behind.proxy.swallow_all();
    let mut session = behind.database.session();
    let failed = failure(read_marked(&mut session, in_a_moment()).await);
    assert_eq!(failed, EngineFailure::DeadlineExceeded);
    for _ in 0..8 {
        let deadline = clock::now() + MAX_PROBE_WAIT + SLACK;
        read_marked(&mut session, deadline).await.unwrap();
    }
    let statistics = behind.database.statistics();
    assert_eq!(statistics.connections_closed.get(), opened);
}

/// While the server is out, statements fail at once; when it is back, they succeed within seconds.
#[tokio::test]
async fn outage_costs_nobody_a_deadline_and_ends_with_the_server() {
    for door in [Door::Shut, Door::Silent] {
        let behind = behind_a_proxy().await;
        let mut session = behind.database.session();
        behind.proxy.door(door);
        behind.proxy.cut_all();
        let first = failure(read_marked(&mut session, far()).await);
        assert!(
            matches!(first, EngineFailure::Unavailable { .. }),
            "{first:?}"
        );
        let begun = clock::now();
        for _ in 0..50 {
            // One of them may be the probe of whether the server is back; it ends soon.
            failure(read_marked(&mut session, in_a_moment()).await);
        }
        assert!(clock::now() < begun + SLACK * 2, "{door:?}");
        behind.proxy.door(Door::Open);
        let back = clock::now();
        while read_marked(&mut session, far()).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert!(clock::now() < back + Duration::from_secs(3) + SLACK * 2);
        run_with(&mut session, "SELECT ?", vec![Value::Null])
            .await
            .unwrap();
    }
}
