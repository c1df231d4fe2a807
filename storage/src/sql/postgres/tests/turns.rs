//! Transactions that many clients begin at once, on the same row.

use crate::failure::EngineFailure;
use crate::sql::place::Engine as Opened;
use crate::sql::postgres::job::Stop;
use crate::sql::tests::harness::{Engine, far, one, run};
use crate::sql::{Database, Error, Session, Value};

/// How many transactions each client commits.
const EACH: usize = 4;

/// Attempts that no client needs. Without turns, the unluckiest needed 47 here, and with them 10.
const MOST: usize = 25;

/// Clients of two nodes add to one number. The count of attempts tells how long the unluckiest had to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_lost_get_their_turn() {
    let fixture = Engine::Postgres.fixture().await;
    let mut session = fixture.database.session();
    run(&mut session, "CREATE TABLE counter (value INTEGER)")
        .await
        .unwrap();
    run(&mut session, "INSERT INTO counter VALUES (0)")
        .await
        .unwrap();
    let nodes = [fixture.database.clone(), fixture.another()];
    let clients: Vec<_> = (0..120)
        .map(|client| tokio::spawn(count_up(nodes[client % 2].clone())))
        .collect();
    let mut most = 0;
    let count = clients.len();
    for client in clients {
        most = most.max(client.await.unwrap());
    }
    let total = one(&mut session, "SELECT value FROM counter").await;
    assert_eq!(total, Value::Integer(i64::try_from(count * EACH).unwrap()));
    assert!(most <= MOST, "{most} attempts");
}

/// One that holds its turn for long keeps the others for a time only, and one that leaves keeps them no longer.
#[tokio::test]
async fn a_transaction_that_is_slow_does_not_keep_those_that_lost() {
    let fixture = Engine::Postgres.fixture().await;
    let Opened::Postgres(engine) = fixture.database.engine() else {
        panic!("the fixture is on Postgres");
    };
    let turn = async |has_lost| {
        let mut stop = Stop::at(far());
        let checkout = engine.checkout_for_transaction(has_lost, &mut stop).await;
        checkout.unwrap()
    };
    let slow = turn(true).await;
    // Those that have not lost do not wait, and those that have do not wait for ever.
    let (fresh, second, third) = tokio::join!(turn(false), turn(true), turn(true));
    drop((fresh, second, third));
    drop(slow);
    let mut left = Box::pin(turn(true));
    drop(futures::poll!(left.as_mut()));
    drop(left);
    drop(turn(true).await);
}

async fn count_up(database: Database) -> usize {
    let mut session = database.session();
    let mut most = 0;
    for _ in 0..EACH {
        let mut attempts = 1;
        while let Err(error) = add_one(&mut session).await {
            let conflict = Error::Engine(EngineFailure::SerializationFailure);
            assert_eq!(error, conflict);
            // Without an open transaction this fails, and that is fine.
            let _ = run(&mut session, "ROLLBACK").await;
            attempts += 1;
        }
        most = most.max(attempts);
    }
    most
}

async fn add_one(session: &mut Session) -> Result<(), Error> {
    run(session, "BEGIN IMMEDIATE").await?;
    let rows = run(session, "SELECT value FROM counter").await?.rows;
    let Value::Integer(value) = rows[0][0] else {
        return Ok(());
    };
    let change = format!("UPDATE counter SET value = {}", value + 1);
    run(session, &change).await?;
    run(session, "COMMIT").await.map(drop)
}
