//! The place of a database: the engine that its sessions use, and how another takes it over while they do.
//! Sessions run the statements.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock as Gate};
use tokio::time::timeout_at;

use super::error::Error;
use super::{postgres, sqlite};
use crate::failure::EngineFailure;

/// The engines.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Engine {
    /// Closes the database; see [`crate::sql::Database::close`].
    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.close(deadline).await,
            Self::Postgres(database) => database.close(deadline).await,
        }
    }
}

/// The engine of a database, which may be replaced.
#[derive(Debug)]
pub(super) struct Place {
    engine: RwLock<Engine>,
    /// How often the engine was replaced.
    number: AtomicU64,
    /// Statements and transactions are inside. Whoever replaces the engine waits until none is.
    gate: Arc<Gate<()>>,
}

/// A statement, or a transaction, that the engine must wait for before it is replaced.
#[derive(Debug)]
pub(super) struct Inside {
    _guard: OwnedRwLockReadGuard<()>,
}

impl Place {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine: RwLock::new(engine),
            number: AtomicU64::new(0),
            gate: Arc::default(),
        }
    }

    pub(super) fn engine(&self) -> Engine {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.clone()
    }

    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Goes inside, which waits while the engine is being replaced.
    ///
    /// # Errors
    ///
    /// If the deadline passes.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Inside, EngineFailure> {
        let gate = Arc::clone(&self.gate);
        if let Ok(guard) = Arc::clone(&gate).try_read_owned() {
            return Ok(Inside { _guard: guard });
        }
        let entered = timeout_at(deadline.into(), gate.read_owned()).await;
        let guard = entered.map_err(|_| EngineFailure::DeadlineExceeded)?;
        Ok(Inside { _guard: guard })
    }

    /// See [`crate::sql::Database::hold`].
    pub(super) async fn hold(place: &Arc<Self>, deadline: Instant) -> Result<Held, Error> {
        let gate = Arc::clone(&place.gate).write_owned();
        let held = timeout_at(deadline.into(), gate).await;
        Ok(Held {
            place: Arc::clone(place),
            _guard: held.map_err(|_| EngineFailure::Busy)?,
        })
    }
}

/// A database on which no statement runs. Statements wait until this is dropped.
#[derive(Debug)]
pub struct Held {
    place: Arc<Place>,
    _guard: OwnedRwLockWriteGuard<()>,
}

impl Held {
    /// Puts another engine in place, and lets the statements go on. Returns the old one.
    pub(super) fn replace(self, engine: Engine) -> Engine {
        let mut current = self
            .place
            .engine
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, engine);
        self.place.number.fetch_add(1, Ordering::Release);
        old
    }
}
