//! Reads on replicas: they see what they must, wherever they run, and also while servers lag behind, hang, end or change places.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sql::tests::harness::{far, one, patient, run};
use crate::sql::{Database, Error, Needs, Positions, Request, ServerState, Session, Value};
use crate::test_proxy::{Fault, Proxy};
use crate::test_server::Server;
use crate::test_server::replica::FOLLOWED;
use crate::test_wait::until;
use crate::{EngineFailure, OpenError, PostgresOptions, clock};

/// The database of a primary with these replicas.
fn open(primary: &Server, replicas: &[&Server]) -> Result<Database, OpenError> {
    let replicas = replicas.iter().map(|server| server.url());
    let options = PostgresOptions {
        replicas: replicas.collect(),
        ..patient()
    };
    Database::open_postgres(&primary.url(), &options)
}

/// A request whose reads must see what is written up to these positions.
fn request(positions: Positions) -> Request {
    Request::new("shop".into(), "/".into()).with_needs(Arc::new(Needs::new(positions)))
}

async fn run_for(
    session: &mut Session,
    request: &Request,
    sql: &str,
) -> Result<Vec<Vec<Value>>, Error> {
    let ran = session.execute_for(request, sql, vec![], far()).await;
    ran.map(|(rows, _)| rows.rows)
}

/// The value that a client reads who has seen these positions.
async fn read(database: &Database, positions: Positions) -> Value {
    let sql = "SELECT value FROM register";
    let rows = run_for(&mut database.session(), &request(positions), sql).await;
    rows.unwrap()[0][0].clone()
}

async fn write(database: &Database, value: i64) {
    let sql = format!("UPDATE register SET value = {value}");
    run(&mut database.session(), &sql).await.unwrap();
}

async fn with_register(database: &Database) {
    let mut session = database.session();
    run(&mut session, "CREATE TABLE register (value INTEGER)")
        .await
        .unwrap();
    run(&mut session, "INSERT INTO register VALUES (0)")
        .await
        .unwrap();
}

fn states(database: &Database) -> Vec<ServerState> {
    let servers = database.servers();
    servers.iter().map(|server| server.state).collect()
}

async fn until_states(database: &Database, expected: &[ServerState]) {
    until(&format!("the servers are {expected:?}"), async || {
        (states(database) == expected).then_some(())
    })
    .await;
}

fn reads(database: &Database) -> Vec<u64> {
    database
        .servers()
        .iter()
        .map(|server| server.reads)
        .collect()
}

/// Reads until a read ran on the server with this index.
async fn until_read_on(database: &Database, at: usize) {
    let before = reads(database)[at];
    until("a read runs on the replica", async || {
        read(database, Positions::default()).await;
        (reads(database)[at] > before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn clients_read_what_they_wrote_and_others_what_is_a_second_old() {
    let primary = Server::with(&[FOLLOWED]);
    let replica = primary.replica(&["recovery_min_apply_delay=300ms"]);
    let database = open(&primary, &[&replica]).unwrap();
    with_register(&database).await;
    until_read_on(&database, 1).await;
    let mut others = Vec::new();
    for value in 1..=20 {
        write(&database, value).await;
        assert_eq!(read(&database, database.written()).await, value.into());
        let written = clock::now();
        let seen = read(&database, Positions::default()).await;
        others.push(seen == value.into());
        until("the others see it", async || {
            (read(&database, Positions::default()).await == value.into()).then_some(())
        })
        .await;
        let lag = clock::now() - written;
        assert!(lag < Duration::from_secs(1 + 1), "{lag:?}");
    }
    assert!(
        others.iter().any(|is_new| !is_new),
        "the replica lags behind"
    );
    // What has arrived there is read there.
    let before = reads(&database)[1];
    until("the replica has the last write", async || {
        read(&database, database.written()).await;
        (reads(&database)[1] > before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_that_writes_reads_its_writes_and_transactions_stay_on_the_primary() {
    let primary = Server::with(&[FOLLOWED]);
    let replica = primary.replica(&["recovery_min_apply_delay=300ms"]);
    let database = open(&primary, &[&replica]).unwrap();
    with_register(&database).await;
    until_read_on(&database, 1).await;
    for value in 1..10 {
        let request = request(Positions::default());
        let (mut one, mut two) = (database.session(), database.session());
        let update = format!("UPDATE register SET value = {value}");
        if value % 2 == 0 {
            run_for(&mut one, &request, "BEGIN").await.unwrap();
        }
        run_for(&mut one, &request, &update).await.unwrap();
        if value % 2 == 0 {
            run_for(&mut one, &request, "COMMIT").await.unwrap();
        }
        let rows = run_for(&mut two, &request, "SELECT value FROM register").await;
        assert_eq!(rows.unwrap(), [[Value::from(value)]]);
    }
}

#[tokio::test]
async fn a_changed_table_is_read_as_it_is_now() {
    let primary = Server::with(&[FOLLOWED]);
    let replica = primary.replica(&["recovery_min_apply_delay=300ms"]);
    let database = open(&primary, &[&replica]).unwrap();
    with_register(&database).await;
    for number in 0..4 {
        until_read_on(&database, 1).await;
        let mut session = database.session();
        let add = format!("ALTER TABLE register ADD COLUMN c{number} INTEGER DEFAULT {number}");
        run(&mut session, &add).await.unwrap();
        let all = "SELECT * FROM register";
        let rows = run_for(&mut session, &request(Positions::default()), all)
            .await
            .unwrap();
        assert_eq!(rows[0].len(), 2 + number);
    }
}

#[tokio::test]
async fn reads_go_on_when_a_replica_ends_and_return_to_it() {
    let primary = Server::with(&[FOLLOWED]);
    let mut replica = primary.replica(&[]);
    let database = open(&primary, &[&replica]).unwrap();
    with_register(&database).await;
    for value in 1..4 {
        until_read_on(&database, 1).await;
        replica.kill();
        write(&database, value).await;
        for _ in 0..20 {
            assert_eq!(read(&database, database.written()).await, value.into());
        }
        until_states(&database, &[ServerState::Primary, ServerState::Out]).await;
        replica.restart();
    }
    until_read_on(&database, 1).await;
}

#[tokio::test]
async fn writes_go_on_after_a_promotion_and_the_old_primary_becomes_a_replica() {
    let mut first = Server::with(&[FOLLOWED]);
    let mut second = first.replica(&[FOLLOWED]);
    let database = open(&first, &[&second]).unwrap();
    with_register(&database).await;
    until_read_on(&database, 1).await;
    write(&database, 1).await;
    let before = database.written();
    until("the replica has the write", async || {
        (second.run("SELECT value FROM register") == "1").then_some(())
    })
    .await;
    first.kill();
    until_states(&database, &[ServerState::Out, ServerState::Replica]).await;
    // Without a primary, replicas answer.
    assert_eq!(read(&database, before.clone()).await, 1.into());
    second.promote();
    let promoted = clock::now();
    let mut session = database.session();
    until("writes go on", async || {
        let update = run(&mut session, "UPDATE register SET value = 2").await;
        update.is_ok().then_some(())
    })
    .await;
    assert!(clock::now() - promoted < Duration::from_secs(10));
    assert_eq!(read(&database, database.written()).await, 2.into());
    first.follow(&second);
    until_states(&database, &[ServerState::Replica, ServerState::Primary]).await;
    until_read_on(&database, 0).await;
    // And back, as an operator would: the primary ends in order.
    second.kill();
    first.promote();
    second.follow(&first);
    until_states(&database, &[ServerState::Primary, ServerState::Replica]).await;
    write(&database, 3).await;
    assert_eq!(
        read(&database, database.written().and(&before)).await,
        3.into()
    );
    until_read_on(&database, 1).await;
}

#[tokio::test]
async fn an_old_primary_that_comes_back_is_left_alone() {
    let mut first = Server::with(&[FOLLOWED]);
    let second = first.replica(&[FOLLOWED]);
    let database = open(&first, &[&second]).unwrap();
    with_register(&database).await;
    until_read_on(&database, 1).await;
    first.kill();
    second.promote();
    until_states(&database, &[ServerState::Out, ServerState::Primary]).await;
    first.restart();
    until_states(&database, &[ServerState::Apart, ServerState::Primary]).await;
    write(&database, 5).await;
    assert_eq!(second.run("SELECT value FROM register"), "5");
    assert_eq!(first.run("SELECT value FROM register"), "0");
    assert_eq!(read(&database, database.written()).await, 5.into());
    assert_eq!(reads(&database)[0], 0);
    // A process that starts now finds the same.
    let another = open(&first, &[&second]).unwrap();
    write(&another, 6).await;
    assert_eq!(second.run("SELECT value FROM register"), "6");
}

/// Adds to the register again and again; gives how often that was acknowledged, and how often it may have happened.
async fn count_up(database: Database, is_over: Arc<AtomicBool>) -> (i64, i64) {
    let (mut acknowledged, mut unknown) = (0, 0);
    let mut session = database.session();
    while !is_over.load(Ordering::Relaxed) {
        match run(&mut session, "UPDATE register SET value = value + 1").await {
            Ok(_) => acknowledged += 1,
            Err(Error::Engine(EngineFailure::OutcomeUnknown)) => unknown += 1,
            Err(Error::Engine(EngineFailure::Unavailable { .. })) => tokio::task::yield_now().await,
            Err(other) => panic!("{other:?}"),
        }
    }
    (acknowledged, unknown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_neither_lost_nor_doubled_while_primary_and_replica_change_places() {
    // What is acknowledged is on both servers.
    let both = [
        FOLLOWED,
        "synchronous_standby_names=*",
        "synchronous_commit=remote_write",
    ];
    let mut first = Server::with(&[FOLLOWED]);
    with_register(&open(&first, &[]).unwrap()).await;
    let mut second = first.replica(&both);
    let database = open(&first, &[&second]).unwrap();
    first.restart_with(&both);
    let is_over = Arc::<AtomicBool>::default();
    let counting: Vec<_> = (0..3)
        .map(|_| tokio::spawn(count_up(database.clone(), Arc::clone(&is_over))))
        .collect();
    let value = |server: &Server| {
        server
            .run("SELECT value FROM register")
            .parse::<i64>()
            .unwrap()
    };
    for _ in 0..2 {
        let before = value(&first);
        until("writes go on", async || {
            (value(&first) > before + 20).then_some(())
        })
        .await;
        first.kill();
        second.promote();
        first.follow(&second);
        std::mem::swap(&mut first, &mut second);
    }
    let before = value(&first);
    until("writes go on", async || {
        (value(&first) > before + 20).then_some(())
    })
    .await;
    is_over.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut unknown) = (0, 0);
    for counted in counting {
        let (known, others) = counted.await.unwrap();
        (acknowledged, unknown) = (acknowledged + known, unknown + others);
    }
    let value = value(&first);
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&value),
        "{acknowledged} acknowledged, {unknown} unknown, {value} there"
    );
}

#[tokio::test]
async fn servers_that_are_no_replicas_are_refused_and_one_that_is_down_is_awaited() {
    let primary = Server::with(&[FOLLOWED]);
    let mut replica = primary.replica(&[]);
    let refused = |server: &Server| open(&primary, &[server]).unwrap_err().to_string();
    let other = Server::stranger();
    assert!(refused(&other).contains("has the data of another server"));
    assert!(refused(&primary).contains("is the primary itself"));
    let options = PostgresOptions {
        replicas: vec![replica.url().replace("terrace@", "nobody@")],
        ..patient()
    };
    let denied = Database::open_postgres(&primary.url(), &options).unwrap_err();
    assert!(matches!(denied, OpenError::Denied { .. }), "{denied}");
    replica.kill();
    let database = open(&primary, &[&replica]).unwrap();
    with_register(&database).await;
    until_states(&database, &[ServerState::Primary, ServerState::Out]).await;
    assert_eq!(
        one(&mut database.session(), "SELECT value FROM register").await,
        0.into()
    );
    replica.restart();
    until_read_on(&database, 1).await;
}

#[tokio::test]
async fn a_replica_that_is_far_away_stands_by() {
    let mut primary = Server::with(&[FOLLOWED]);
    let (mut near, far) = (primary.replica(&[]), primary.replica(&[]));
    let proxy = Proxy::to(far.socket());
    // Each fault happens once; there are more than looks and reads in this test.
    for _ in 0..5_000 {
        proxy.when("pg_control_system", Fault::Delay(Duration::from_millis(40)));
    }
    let options = PostgresOptions {
        replicas: vec![near.url(), proxy.url()],
        ..patient()
    };
    let database = Database::open_postgres(&primary.url(), &options).unwrap();
    with_register(&database).await;
    let replicas = [
        ServerState::Primary,
        ServerState::Replica,
        ServerState::Replica,
    ];
    until_states(&database, &replicas).await;
    until_read_on(&database, 1).await;
    let before = reads(&database);
    for _ in 0..100 {
        read(&database, Positions::default()).await;
    }
    let after = reads(&database);
    assert!(
        after[1] > before[1] && after[2] == before[2],
        "{before:?} {after:?}"
    );
    near.kill();
    primary.kill();
    let out = [ServerState::Out, ServerState::Out, ServerState::Replica];
    until_states(&database, &out).await;
    until_read_on(&database, 2).await;
}
