//! An open transaction: a task that owns its connection, takes one statement after the other, and ends with the session.
//!
//! In SQLite a statement that fails leaves its transaction open; in Postgres it would end it. So each statement but the first runs
//! after a savepoint ([`super::guard`]), which is sent together with the statement, and a statement that fails goes back to it.

use std::mem;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::catalog::Known;
use super::connection::Around;
use super::database::Database;
use super::definitions::{self, Change, Made};
use super::failures::Failed;
use super::guard::Guard;
use super::job::{Counters, Job, Reply, State, Stop};
use super::pool::Checkout;
use super::statement::{BEGIN, BEGIN_CHANGE, Savepoint, Statement, misplaced, no_savepoint};
use super::translations::Translation;
use crate::clock;
use crate::dialect::Effect;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::MAX_OUTCOME_WAIT;
use crate::value::Rows;

/// Opens a transaction on a borrowed connection. `savepoint` is the first one, if that opened it.
pub(super) fn open(database: &Database, checkout: Checkout, savepoint: Option<String>) -> State {
    database.statistics().transactions.increment();
    let (sender, jobs) = mpsc::channel(1);
    let opens = savepoint.is_some();
    let open = Open {
        checkout,
        guard: Guard::NotBegun,
        savepoints: Vec::new(),
        ends_with_savepoint: opens,
        known: None,
        own: None,
    };
    let task = run(database.clone(), open, savepoint, jobs);
    database.spawn(task);
    State::Opened(sender)
}

/// A transaction.
struct Open {
    checkout: Checkout,
    guard: Guard,
    /// The guest's savepoints, and the schema at each.
    savepoints: Vec<(String, Option<Arc<Known>>)>,
    /// Whether releasing the first savepoint commits.
    ends_with_savepoint: bool,
    /// The schema at the first statement. A change by others after that is as if it came after the transaction.
    known: Option<Arc<Known>>,
    /// The schema with this transaction's changes, if it made some.
    own: Option<Arc<Known>>,
}

/// How a statement left the transaction.
struct Outcome {
    result: Result<(Rows, Counters), Error>,
    state: State,
}

impl Outcome {
    fn inside(result: Result<(Rows, Counters), Error>) -> Self {
        let state = State::Inside;
        Self { result, state }
    }

    fn outside(result: Result<(Rows, Counters), Error>) -> Self {
        let state = State::Outside;
        Self { result, state }
    }

    fn lost(error: Error) -> Self {
        Self {
            result: Err(error),
            state: State::Lost,
        }
    }
}

async fn run(
    database: Database,
    mut open: Open,
    savepoint: Option<String>,
    mut jobs: mpsc::Receiver<Job>,
) {
    if let Some(name) = savepoint {
        let mut stop = Stop::at(clock::now() + MAX_OUTCOME_WAIT);
        if open.set_savepoint(&name, &mut stop).await.is_err() {
            return;
        }
    }
    // The session's end, or a pause that is too long, ends the loop.
    while let Ok(Some(job)) = timeout(database.transaction_idle(), jobs.recv()).await {
        let (statement, deadline, mut reply) = Statement::of(job);
        let counters = statement.counters;
        let mut stop = Stop::of(deadline, &mut reply);
        let Outcome { result, state } = open.serve(&database, &statement, &mut stop).await;
        let is_open = matches!(state, State::Inside);
        let (result, counters) = match result {
            Ok((rows, counters)) => (Ok(rows), counters),
            Err(error) => (Err(error), counters),
        };
        let sent = reply.send(Reply {
            result,
            counters,
            state,
        });
        if !is_open {
            return;
        }
        if sent.is_err() {
            break;
        }
    }
    database.statistics().transactions_lost.increment();
    open.roll_back().await;
}

impl Open {
    async fn serve(
        &mut self,
        database: &Database,
        statement: &Statement,
        stop: &mut Stop<'_>,
    ) -> Outcome {
        let known = match self.known(database, stop).await {
            Ok(known) => known,
            Err(error) => return Outcome::lost(error),
        };
        let translation = match known.translate(&statement.sql, &statement.parameters) {
            Ok(translation) => translation,
            Err(error) => return Outcome::inside(Err(self.stale_or(error, database, stop).await)),
        };
        let nothing = Ok((Rows::default(), statement.counters));
        match translation.translated.effect {
            Effect::Read | Effect::Write => self.run(database, statement, &translation, stop).await,
            Effect::Schema => self.change_schema(database, statement, stop).await,
            Effect::Nothing => Outcome::inside(nothing),
            Effect::Begin => {
                let message = "cannot start a transaction within a transaction";
                Outcome::inside(Err(misplaced(message)))
            }
            Effect::Commit => self.commit(database, statement, stop).await,
            Effect::RollBack => {
                self.roll_back().await;
                Outcome::outside(nothing)
            }
            Effect::Savepoint => {
                let command = Savepoint::of(translation.text());
                self.savepoint(command, database, statement, stop).await
            }
        }
    }

    /// The schema to translate with.
    async fn known(
        &mut self,
        database: &Database,
        stop: &mut Stop<'_>,
    ) -> Result<Arc<Known>, Error> {
        if let Some(known) = self.own.as_ref().or(self.known.as_ref()) {
            return Ok(Arc::clone(known));
        }
        let known = match database.catalog().valid() {
            Some(known) => known,
            None => {
                let connection = self.checkout.connection();
                database.catalog().verify(connection, stop).await?
            }
        };
        Ok(Arc::clone(self.known.insert(known)))
    }

    /// Runs a statement, and undoes it if it fails.
    async fn run(
        &mut self,
        database: &Database,
        statement: &Statement,
        translation: &Translation,
        stop: &mut Stop<'_>,
    ) -> Outcome {
        let failed = match self.attempt(database, statement, translation, stop).await {
            Ok(done) => return Outcome::inside(Ok(done)),
            Err(failed) => failed,
        };
        if let Err(lost) = self.go_back(&failed).await {
            return lost;
        }
        database.note_pooler(&failed);
        let mut error = failed.error();
        if failed.may_be_stale() {
            self.checkout.connection().forget();
            error = self.stale_or(error, database, stop).await;
        }
        Outcome::inside(Err(error))
    }

    /// The error of a statement, unless others changed the schema after this transaction began: then that may be the cause.
    async fn stale_or(&self, error: Error, database: &Database, stop: &mut Stop<'_>) -> Error {
        match &self.known {
            Some(known) if self.own.is_none() && database.has_other_schema(known, stop).await => {
                EngineFailure::SerializationFailure.into()
            }
            _ => error,
        }
    }

    async fn attempt(
        &mut self,
        database: &Database,
        statement: &Statement,
        translation: &Translation,
        stop: &mut Stop<'_>,
    ) -> Result<(Rows, Counters), Failed> {
        let before = self.before(BEGIN);
        let around = Around {
            before: &before,
            after: "",
            ask: "",
        };
        let connection = self.checkout.connection();
        let done = statement.run(around, translation, connection, stop).await?;
        let is_write = translation.translated.effect == Effect::Write;
        self.guard = self.guard.after(is_write);
        let statistics = database.statistics();
        if is_write {
            statistics.writes.increment();
        } else {
            statistics.reads.increment();
        }
        Ok(done)
    }

    /// The commands that set the savepoint before the next statement. `begin` opens the transaction.
    fn before(&mut self, begin: &str) -> String {
        self.checkout.connection().in_transaction = true;
        self.guard.before(begin)
    }

    /// Undoes a statement that failed.
    async fn go_back(&mut self, failed: &Failed) -> Result<(), Outcome> {
        if self.checkout.connection().is_spent() {
            return Err(Outcome::lost(failed.error()));
        }
        let mut stop = Stop::at(clock::now() + MAX_OUTCOME_WAIT);
        let (back, guard) = self.guard.back();
        let connection = self.checkout.connection();
        match connection.command(&back, &mut stop).await {
            Ok(()) => {
                connection.in_transaction = guard != Guard::NotBegun;
                self.guard = guard;
                Ok(())
            }
            // The server ended the transaction.
            Err(_) => Err(Outcome::lost(failed.error())),
        }
    }

    async fn change_schema(
        &mut self,
        database: &Database,
        statement: &Statement,
        stop: &mut Stop<'_>,
    ) -> Outcome {
        let before = self.before(BEGIN_CHANGE);
        let change = Change {
            sql: &statement.sql,
            parameters: &statement.parameters,
            own: self.own.clone(),
            is_in_transaction: true,
        };
        let connection = self.checkout.connection();
        let made = definitions::make(change, &before, database.catalog(), connection, stop).await;
        match made {
            Ok(made) => {
                match made {
                    Made::Own(known) => self.own = Some(known),
                    Made::Unchanged(known) => self.known = Some(known),
                }
                self.guard = self.guard.after(true);
                Outcome::inside(Ok((Rows::default(), statement.counters)))
            }
            Err(error) => {
                let refused = Failed::Stopped;
                match self.go_back(&refused).await {
                    Ok(()) => Outcome::inside(Err(error)),
                    Err(_) => Outcome::lost(error),
                }
            }
        }
    }

    async fn commit(
        &mut self,
        database: &Database,
        statement: &Statement,
        stop: &mut Stop<'_>,
    ) -> Outcome {
        let nothing = Ok((Rows::default(), statement.counters));
        if self.guard == Guard::NotBegun {
            return Outcome::outside(nothing);
        }
        let nothing = nothing.map(|(rows, counters)| {
            let conflicts = 0;
            (
                rows,
                Counters {
                    conflicts,
                    ..counters
                },
            )
        });
        // A constraint that is checked now must not end the transaction: in SQLite it stays open.
        let may_defer = self.own.as_ref().or(self.known.as_ref());
        let may_defer = may_defer.is_none_or(|known| known.may_defer);
        let text = if may_defer {
            let before = self.before(BEGIN);
            format!("{before};SET CONSTRAINTS ALL IMMEDIATE; COMMIT")
        } else {
            "COMMIT".to_owned()
        };
        let asked = clock::now();
        let (connection, servers) = (self.checkout.connection(), database.servers());
        let committed = connection.commit(&text, servers.ask(), stop).await;
        servers.note_commit(&committed, connection.written.take());
        match committed {
            Ok(()) => connection.in_transaction = false,
            Err(Failed::Lost(_)) => {
                return Outcome::outside(Err(EngineFailure::OutcomeUnknown.into()));
            }
            Err(failed) if may_defer && self.go_back(&failed).await.is_ok() => {
                return Outcome::inside(Err(failed.error()));
            }
            Err(failed) => {
                // The server has ended the transaction, or has not begun to commit it.
                self.roll_back().await;
                return Outcome::outside(Err(failed.error()));
            }
        }
        if let Some(own) = self.own.take() {
            let (node, catalog) = (database.node(), database.catalog());
            let connection = self.checkout.connection();
            definitions::publish(own, asked, &node, catalog, connection).await;
        }
        Outcome::outside(nothing)
    }

    async fn roll_back(&mut self) {
        if self.guard == Guard::NotBegun {
            return;
        }
        let mut stop = Stop::at(clock::now() + MAX_OUTCOME_WAIT);
        let connection = self.checkout.connection();
        let ended = connection.command("ROLLBACK", &mut stop).await;
        // If that failed, the connection is closed, which ends the transaction too.
        connection.in_transaction = ended.is_err();
    }

    async fn savepoint(
        &mut self,
        command: Savepoint<'_>,
        database: &Database,
        statement: &Statement,
        stop: &mut Stop<'_>,
    ) -> Outcome {
        let done = match command {
            Savepoint::Set(name) => self.set_savepoint(name, stop).await,
            Savepoint::Release(name) => match self.position(name) {
                None => return Outcome::inside(Err(no_savepoint(name))),
                Some(0) if self.ends_with_savepoint => {
                    return self.commit(database, statement, stop).await;
                }
                Some(position) => {
                    self.savepoints.truncate(position);
                    let text = format!("RELEASE SAVEPOINT {}", name_of(position));
                    self.mark(&text, stop).await
                }
            },
            Savepoint::BackTo(name) => match self.position(name) {
                None => return Outcome::inside(Err(no_savepoint(name))),
                Some(position) => {
                    self.savepoints.truncate(position + 1);
                    self.own.clone_from(&self.savepoints[position].1);
                    let text = format!("ROLLBACK TO SAVEPOINT {}", name_of(position));
                    self.mark(&text, stop).await
                }
            },
        };
        match done {
            Ok(()) => Outcome::inside(Ok((Rows::default(), statement.counters))),
            // Where the transaction stands is not known, so it ends.
            Err(failed) => {
                self.roll_back().await;
                Outcome::lost(failed.error())
            }
        }
    }

    async fn set_savepoint(&mut self, name: &str, stop: &mut Stop<'_>) -> Result<(), Failed> {
        let text = format!("SAVEPOINT {}", name_of(self.savepoints.len()));
        self.savepoints.push((name.to_owned(), self.own.clone()));
        self.mark(&text, stop).await
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|(known, _)| known == name)
    }

    /// Runs a command on savepoints. The one before the last statement goes first, or it would enclose the guest's.
    async fn mark(&mut self, text: &str, stop: &mut Stop<'_>) -> Result<(), Failed> {
        let before = mem::replace(&mut self.guard, Guard::Missing).before_mark(BEGIN);
        let connection = self.checkout.connection();
        connection.in_transaction = true;
        connection.command(&format!("{before}{text}"), stop).await
    }
}

/// What the server calls the guest's savepoint at that position.
fn name_of(position: usize) -> String {
    format!("guest_{position}")
}
