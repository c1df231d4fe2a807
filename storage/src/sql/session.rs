//! A guest's connection to a database of any engine. Each statement of a request goes through it, and is counted here.
//! The engine decides on which thread and in which transaction a statement runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::limits::{MAX_PARAMETERS, MAX_STATEMENT_BYTES};
use super::place::{self, Inside, Place};
use super::plan::PlanStep;
use super::position::Needs;
use super::shapes::{Ended, Held, Reader, Request, Shapes};
use super::value::{Rows, Value};
use super::work::Work;
use super::{postgres, sqlite};
use crate::clock;
use crate::dialect::Schema;
use crate::failure::EngineFailure;

/// One guest's connection to a database.
///
/// A statement outside a transaction is its own transaction, and durable when it returns. `BEGIN` and `SAVEPOINT` open a
/// transaction. On SQLite it holds the writer until it ends: other writes wait, reads continue. On Postgres it holds a connection
/// and the rows that it changed, and reads what others have committed. A transaction is rolled back if its
/// session is dropped, or if it has no statement for too long ([`SqliteOptions`](crate::SqliteOptions)).
#[derive(Debug)]
pub struct Session {
    place: Arc<Place>,
    /// The number of the engine at its place.
    number: u64,
    engine: Engine,
    /// There during a statement and a transaction.
    inside: Option<Inside>,
    shapes: Arc<Shapes>,
    /// The open transaction of a request.
    transaction: Option<Transaction>,
}

#[derive(Debug)]
enum Engine {
    Sqlite(sqlite::Session),
    Postgres(postgres::Session),
}

/// A transaction, with the component and the route that began it.
#[derive(Debug)]
struct Transaction {
    component: Arc<str>,
    route: Arc<str>,
    held: Held,
}

impl Session {
    pub(super) fn new(place: Arc<Place>, shapes: Arc<Shapes>) -> Self {
        let number = place.number();
        Self {
            engine: Engine::new(&place, 0, 0),
            number,
            inside: None,
            shapes,
            transaction: None,
            place,
        }
    }

    /// Waits while the engine is being replaced, and follows if it was.
    async fn enter(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.inside.is_some() {
            return Ok(());
        }
        self.inside = Some(self.place.enter(deadline).await?);
        let number = self.place.number();
        // A session that must say that its transaction is lost says so first.
        if self.number != number && self.engine.is_idle() {
            let (rowid, changes) = (self.last_insert_rowid(), self.changes());
            self.engine = Engine::new(&self.place, rowid, changes);
            self.number = number;
        }
        Ok(())
    }

    fn leave(&mut self) {
        if self.engine.is_idle() {
            self.inside = None;
        }
    }

    /// As [`Self::execute`], for a request. The statement is counted for its shape, also if the future is dropped. Who does not
    /// read all rows tells the reader.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`].
    pub async fn execute_for(
        &mut self,
        request: &Request,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<(Rows, Reader), Error> {
        let in_transaction = self.is_in_transaction();
        let counted = self.shapes.begin(request, sql, &parameters, in_transaction);
        let needs = request.needs();
        let result = self.run(sql, parameters, needs, deadline).await;
        let work = self.work();
        if let Engine::Postgres(session) = &self.engine {
            session.note_sizes();
        }
        let Ended {
            begun,
            duration,
            reader,
        } = counted.end(&result, work);
        // Who waits to begin holds up nobody.
        self.note_transaction(
            request,
            begun + work.waited,
            duration.saturating_sub(work.waited),
        );
        result.map(|rows| (rows, reader))
    }

    /// Executes one statement and returns its rows.
    ///
    /// The text must contain one statement. After it, only spaces and comments are allowed, so nothing is skipped silently.
    ///
    /// Dropping the future stops the statement. Outside a transaction, the statement then has run completely or not at all; a
    /// transaction is rolled back.
    ///
    /// # Errors
    ///
    /// See [`Error`]. After an error the session can be used again.
    pub async fn execute(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        self.run(sql, parameters, None, deadline).await
    }

    async fn run(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        needs: Option<Arc<Needs>>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        check_size(sql, &parameters)?;
        if clock::now() >= deadline {
            return Err(EngineFailure::DeadlineExceeded.into());
        }
        self.enter(deadline).await?;
        let result = match &mut self.engine {
            Engine::Sqlite(session) => session.execute(sql, parameters, deadline).await,
            Engine::Postgres(session) => session.execute(sql, parameters, needs, deadline).await,
        };
        self.leave();
        result
    }

    /// How the engine would execute a statement, without executing it.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`].
    pub async fn explain(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<PlanStep>, Error> {
        self.enter(deadline).await?;
        let result = match &mut self.engine {
            Engine::Sqlite(session) => session.explain(sql, parameters, deadline).await,
            Engine::Postgres(session) => session.explain(sql, parameters, deadline).await,
        };
        self.leave();
        result
    }

    /// The schema, for translations. What the dialect refuses of it is not in it.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`].
    pub async fn schema(&mut self, deadline: Instant) -> Result<Schema, Error> {
        self.enter(deadline).await?;
        let result = match &mut self.engine {
            Engine::Sqlite(session) => session.schema(deadline).await,
            Engine::Postgres(session) => session.schema(deadline).await,
        };
        self.leave();
        result
    }

    /// The rowid of the last row that this session inserted; 0 before the first.
    #[must_use]
    pub fn last_insert_rowid(&self) -> i64 {
        match &self.engine {
            Engine::Sqlite(session) => session.last_insert_rowid(),
            Engine::Postgres(session) => session.last_insert_rowid(),
        }
    }

    /// The number of rows that the last `INSERT`, `UPDATE` or `DELETE` of this session changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(session) => session.changes(),
            Engine::Postgres(session) => session.changes(),
        }
    }

    /// Rolls back the transaction, if one is open.
    pub fn roll_back(&mut self) {
        match &mut self.engine {
            Engine::Sqlite(session) => session.roll_back(),
            Engine::Postgres(session) => session.roll_back(),
        }
        self.inside = None;
        self.end_transaction();
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(session) => session.is_in_transaction(),
            Engine::Postgres(session) => session.is_in_transaction(),
        }
    }

    /// What the engine says of the last statement.
    fn work(&self) -> Work {
        match &self.engine {
            Engine::Sqlite(session) => session.work(),
            Engine::Postgres(session) => session.work(),
        }
    }

    fn note_transaction(&mut self, request: &Request, begun: Instant, duration: Duration) {
        let is_open = self.is_in_transaction();
        match &mut self.transaction {
            Some(transaction) => transaction.held.busy += duration,
            None if is_open => {
                let held = Held {
                    since: begun,
                    busy: duration,
                };
                self.transaction = Some(Transaction {
                    component: Arc::clone(&request.component),
                    route: Arc::clone(&request.route),
                    held,
                });
            }
            None => {}
        }
        if !is_open {
            self.end_transaction();
        }
    }

    fn end_transaction(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let Transaction {
                component,
                route,
                held,
            } = transaction;
            self.shapes.add_transaction(component, route, held);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end_transaction();
    }
}

impl Engine {
    /// A session on the engine at a place, with these counters.
    fn new(place: &Place, last_insert_rowid: i64, changes: u64) -> Self {
        match place.engine() {
            place::Engine::Sqlite(database) => {
                let session = sqlite::Session::continuing(database, last_insert_rowid, changes);
                Self::Sqlite(session)
            }
            place::Engine::Postgres(database) => {
                let session = postgres::Session::continuing(database, last_insert_rowid, changes);
                Self::Postgres(session)
            }
        }
    }

    /// Whether no transaction is open, or was lost.
    fn is_idle(&self) -> bool {
        match self {
            Self::Sqlite(session) => session.is_idle(),
            Self::Postgres(session) => session.is_idle(),
        }
    }
}

fn check_size(sql: &str, parameters: &[Value]) -> Result<(), Error> {
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(Error::StatementTooLong { bytes: sql.len() });
    }
    if parameters.len() > MAX_PARAMETERS {
        return Err(Error::ParameterCount {
            given: parameters.len(),
            expected: MAX_PARAMETERS,
        });
    }
    Ok(())
}
