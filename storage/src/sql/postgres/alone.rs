//! Statements outside of a transaction. Each is its own transaction, and runs again if others were in its way. An open
//! transaction is left to [`super::transaction`].

use std::time::Duration;

use super::connection::Around;
use super::database::{Database, Ready};
use super::definitions::{self, Change, Made};
use super::failures::Failed;
use super::job::{Counters, Job, Reply, State, Stop};
use super::pool::Checkout;
use super::replicas;
use super::statement::{
    BEGIN, BEGIN_CHANGE, Savepoint, Statement, misplaced, needs_connection, no_savepoint,
};
use super::transaction;
use super::translations::Translation;
use crate::breaker::jittered;
use crate::clock;
use crate::dialect::Effect;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::{MAX_OUTCOME_WAIT, MAX_RETRY_PAUSE, MIN_RETRY_PAUSE};
use crate::value::Rows;

type Done = (Rows, Counters, State);

/// Why a statement did not succeed.
enum Trouble {
    /// It cannot.
    Final(Error),
    /// Others were in its way.
    Conflict(Error),
    /// The connection broke, or the schema changed, before it changed anything.
    Again(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Engine(EngineFailure::SerializationFailure) => Self::Conflict(error),
            error => Self::Final(error),
        }
    }
}

/// Executes a statement to its end, and replies.
pub(super) async fn execute(database: Database, job: Job) {
    let (statement, deadline, mut reply) = Statement::of(job);
    let counters = statement.counters;
    let mut stop = Stop::of(deadline, &mut reply);
    let done = match replicas::read(&database, &statement, &mut stop).await {
        Some(done) => done.map(|(rows, counters)| (rows, counters, State::Outside)),
        None => retried(&database, &statement, &mut stop).await,
    };
    let (result, counters, state) = match done {
        Ok((rows, counters, state)) => (Ok(rows), counters, state),
        Err(error) => (Err(error), counters, State::Outside),
    };
    let counters = Counters {
        waited: stop.waited,
        ..counters
    };
    // If the session is gone, a transaction that was opened sees that too.
    let _ = reply.send(Reply {
        result,
        counters,
        state,
    });
}

async fn retried(
    database: &Database,
    statement: &Statement,
    stop: &mut Stop<'_>,
) -> Result<Done, Error> {
    let mut pause = MIN_RETRY_PAUSE;
    let mut again = false;
    loop {
        let ready = database
            .ready(&statement.sql, &statement.parameters, stop)
            .await?;
        let error = match once(database, statement, ready, stop).await {
            Ok(done) => return Ok(done),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Again(error)) if again => return Err(error),
            Err(Trouble::Again(error)) => {
                again = true;
                pause = Duration::ZERO;
                error
            }
            Err(Trouble::Conflict(error)) => error,
        };
        if pause_for(pause, stop).await.is_err() {
            return Err(error);
        }
        database.statistics().retries.increment();
        pause = (pause * 2).clamp(MIN_RETRY_PAUSE, MAX_RETRY_PAUSE);
    }
}

async fn once(
    database: &Database,
    statement: &Statement,
    ready: Ready,
    stop: &mut Stop<'_>,
) -> Result<Done, Trouble> {
    let Ready {
        known,
        translation,
        checkout,
    } = ready;
    let effect = translation.translated.effect;
    if effect != Effect::Read {
        statement.note_write();
    }
    let Some(mut checkout) = checkout.filter(|_| needs_connection(effect)) else {
        let conflicts = statement.counters.conflicts;
        let state = change_state(database, effect, translation.text(), conflicts, stop).await?;
        return Ok((Rows::default(), statement.counters, state));
    };
    if effect == Effect::Schema {
        change_schema(database, statement, &mut checkout, stop).await?;
        return Ok((Rows::default(), statement.counters, State::Outside));
    }
    match run(database, statement, &translation, &mut checkout, stop).await {
        Ok((rows, counters)) => Ok((rows, counters, State::Outside)),
        Err(failed) => Err(trouble(database, known.version, &failed, effect, checkout, stop).await),
    }
}

/// Opens a transaction, or says that there is none to end. After `conflicts` in a row it waits before, so that the transactions of
/// many clients do not always meet again.
async fn change_state(
    database: &Database,
    effect: Effect,
    text: &str,
    conflicts: u32,
    stop: &mut Stop<'_>,
) -> Result<State, Error> {
    let savepoint = match (effect, Savepoint::of(text)) {
        (Effect::Begin, _) => None,
        (Effect::Savepoint, Savepoint::Set(name)) => Some(name.to_owned()),
        (Effect::Savepoint, Savepoint::Release(name) | Savepoint::BackTo(name)) => {
            return Err(no_savepoint(name));
        }
        (Effect::Commit, _) => {
            return Err(misplaced("cannot commit - no transaction is active"));
        }
        (Effect::RollBack, _) => {
            return Err(misplaced("cannot rollback - no transaction is active"));
        }
        _ => return Ok(State::Outside),
    };
    if let Some(before) = conflicts.checked_sub(1) {
        let pause = MIN_RETRY_PAUSE.saturating_mul(2_u32.saturating_pow(before));
        pause_for(pause.min(MAX_RETRY_PAUSE), stop).await?;
    }
    let checkout = database
        .checkout_for_transaction(conflicts > 0, stop)
        .await?;
    Ok(transaction::open(database, checkout, savepoint))
}

/// What a failure means for a statement that stands alone.
async fn trouble(
    database: &Database,
    version: i64,
    failed: &Failed,
    effect: Effect,
    mut checkout: Checkout,
    stop: &mut Stop<'_>,
) -> Trouble {
    let error = failed.error();
    if failed.is_conflict() {
        return Trouble::Conflict(error);
    }
    // The server ended the connection instead of running the statement.
    let is_ended = matches!(failed, Failed::Refused(_)) && !failed.leaves_connection();
    if is_ended || database.note_pooler(failed) {
        return Trouble::Again(error);
    }
    if let Failed::ReadOnly(_) = failed {
        return match database.servers().look_again(stop).await {
            true => Trouble::Again(error),
            false => Trouble::Final(error),
        };
    }
    if let Failed::Lost(_) = failed {
        if effect == Effect::Write {
            database.servers().note_write(None);
            return Trouble::Final(EngineFailure::OutcomeUnknown.into());
        }
        if clock::now() >= stop.deadline {
            return Trouble::Final(EngineFailure::DeadlineExceeded.into());
        }
        return Trouble::Again(error);
    }
    if !failed.may_be_stale() {
        return Trouble::Final(error);
    }
    checkout.connection().forget();
    let verified = database.catalog().verify(checkout.connection(), stop).await;
    match verified {
        Ok(known) if known.version != version => Trouble::Again(error),
        _ => Trouble::Final(error),
    }
}

/// Runs a statement that reads or changes rows. A single read sees one state of the database, in a transaction or not. A change is
/// a serializable transaction. If it returns rows, it is committed only when they have been read, because they may be too many.
async fn run(
    database: &Database,
    statement: &Statement,
    translation: &Translation,
    checkout: &mut Checkout,
    stop: &mut Stop<'_>,
) -> Result<(Rows, Counters), Failed> {
    let connection = checkout.connection();
    let translated = &translation.translated;
    if translated.effect == Effect::Read {
        database.statistics().reads.increment();
        let around = Around::default();
        return statement.run(around, translation, connection, stop).await;
    }
    database.statistics().writes.increment();
    let commits_at_once = translated.columns.is_empty();
    let around = Around {
        before: BEGIN,
        after: if commits_at_once { "COMMIT" } else { "" },
        ask: if commits_at_once {
            database.servers().ask()
        } else {
            ""
        },
    };
    connection.in_transaction = true;
    match statement.run(around, translation, connection, stop).await {
        Ok(done) if commits_at_once => {
            connection.in_transaction = false;
            database.servers().note_write(connection.written.take());
            Ok(done)
        }
        Ok(done) => commit(database, checkout, stop).await.map(|()| done),
        Err(failed) => {
            roll_back(checkout).await;
            Err(match failed {
                // It had not been committed, so nothing is unknown.
                Failed::Lost(_) if !commits_at_once && clock::now() >= stop.deadline => {
                    Failed::Stopped
                }
                other => other,
            })
        }
    }
}

async fn change_schema(
    database: &Database,
    statement: &Statement,
    checkout: &mut Checkout,
    stop: &mut Stop<'_>,
) -> Result<(), Trouble> {
    let connection = checkout.connection();
    connection.in_transaction = true;
    let change = Change {
        sql: &statement.sql,
        parameters: &statement.parameters,
        own: None,
        is_in_transaction: false,
    };
    let catalog = database.catalog();
    let made = definitions::make(change, BEGIN_CHANGE, catalog, connection, stop).await;
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            roll_back(checkout).await;
            return Err(error.into());
        }
    };
    let asked = clock::now();
    let committed = commit(database, checkout, stop).await;
    committed.map_err(|failed| match failed {
        Failed::Lost(_) => Trouble::Final(EngineFailure::OutcomeUnknown.into()),
        other => other.error().into(),
    })?;
    database.statistics().writes.increment();
    if let Made::Own(next) = made {
        let node = database.node();
        definitions::publish(next, asked, &node, catalog, checkout.connection()).await;
    }
    Ok(())
}

async fn commit(
    database: &Database,
    checkout: &mut Checkout,
    stop: &mut Stop<'_>,
) -> Result<(), Failed> {
    let connection = checkout.connection();
    let servers = database.servers();
    let committed = connection.commit("COMMIT", servers.ask(), stop).await;
    servers.note_commit(&committed, connection.written.take());
    // Whether it committed or failed, the transaction has ended.
    connection.in_transaction = matches!(committed, Err(Failed::Lost(_)));
    committed
}

/// Waits for about `pause`.
///
/// # Errors
///
/// If the statement must stop before that.
async fn pause_for(pause: Duration, stop: &mut Stop<'_>) -> Result<(), Error> {
    tokio::select! {
        () = tokio::time::sleep(jittered(pause)) => Ok(()),
        () = stop.reached() => Err(EngineFailure::DeadlineExceeded.into()),
    }
}

/// Ends a transaction without a result. If that fails, the connection is closed, which ends it too.
async fn roll_back(checkout: &mut Checkout) {
    if checkout.connection().is_spent() {
        return;
    }
    let mut stop = Stop::at(clock::now() + MAX_OUTCOME_WAIT);
    let connection = checkout.connection();
    let ended = connection.command("ROLLBACK", &mut stop).await;
    connection.in_transaction = ended.is_err();
}
