//! The queues of any engine, and their operations. This module checks sizes; the engine does the rest.

use std::path::Path;
use std::time::Instant;

use super::error::Error;
use super::jetstream::JetStreamOptions;
use super::limits::{MAX_CLAIM, MAX_MESSAGE_BYTES, MAX_SENT, MAX_SENT_BYTES};
use super::message::{Claim, End, Figures, Listed, Message, Owner, Room, Schedule};
use super::{jetstream, tables};
use crate::sql::open::{OpenError, PostgresOptions, SqliteOptions};

/// All queues of one file or server. Clones are the same queues.
#[derive(Clone, Debug)]
pub struct Queues(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Tables(tables::Queues),
    JetStream(jetstream::Queues),
}

impl Queues {
    /// Opens the SQLite file at `path`, and creates it and its folders if they do not exist.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        tables::Queues::open_sqlite(path, options)
            .map(Engine::Tables)
            .map(Self)
    }

    /// Opens the queues in the database of a Postgres server at `postgres://USER@HOST:PORT/DATABASE`, with the parameters of libpq.
    /// The schema `terrace_queue` is made in it if it is missing. It blocks the calling thread until the server has answered, at
    /// most for about the open timeout.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. No error repeats the URL's password.
    pub fn open_postgres(url: &str, options: &PostgresOptions) -> Result<Self, OpenError> {
        tables::Queues::open_postgres(url, options)
            .map(Engine::Tables)
            .map(Self)
    }

    /// Opens the queues in the streams of a NATS server at `nats://USER:PASSWORD@HOST:PORT`, with `tls://` for TLS and commas between
    /// several. `ledger` has what streams cannot keep: messages that are due later, failures, dead letters and schedules. It blocks
    /// the calling thread until the server has answered, at most for about the open timeout.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. No error repeats the URL's password.
    pub fn open_jetstream(
        url: &str,
        options: &JetStreamOptions,
        ledger: &Self,
    ) -> Result<Self, OpenError> {
        let ledger = match &ledger.0 {
            Engine::Tables(ledger) => ledger.clone(),
            Engine::JetStream(queues) => return Ok(Self(Engine::JetStream(queues.clone()))),
        };
        jetstream::Queues::open(url, options, ledger)
            .map(Engine::JetStream)
            .map(Self)
    }

    /// What the operator should know of the engine: sentences.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        match &self.0 {
            Engine::Tables(_) => Vec::new(),
            Engine::JetStream(queues) => queues.cautions(),
        }
    }

    /// Has queues with these names ready, each with this room.
    ///
    /// # Errors
    ///
    /// See [`Error`]; [`EngineFailure::Other`](crate::EngineFailure::Other) if something of somebody else is in the way.
    pub async fn prepare(
        &self,
        queues: &[String],
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        match &self.0 {
            Engine::Tables(_) => Ok(()),
            Engine::JetStream(engine) => engine.prepare(queues, room, deadline).await,
        }
    }

    /// The name of the engine.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match &self.0 {
            Engine::Tables(queues) => queues.engine(),
            Engine::JetStream(_) => "jetstream",
        }
    }

    /// Accepts messages, all or none; JetStream may have accepted some of a call that it refuses. When this returns they are durable. One whose id its queue has seen in the last minutes is
    /// accepted and not stored again. While others send too, a queue may get a few more messages than its room.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn send(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        check_sizes(&messages)?;
        if messages.is_empty() {
            return Ok(());
        }
        match &self.0 {
            Engine::Tables(queues) => queues.send(messages, room, deadline).await,
            Engine::JetStream(queues) => queues.send(messages, room, deadline).await,
        }
    }

    /// Gives an owner a lease. It may claim messages until the lease ends.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn join(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.join(owner, deadline).await,
            Engine::JetStream(queues) => queues.join(owner, deadline).await,
        }
    }

    /// Renews a lease from now on.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseEnded`] if it has ended: others have its messages. See [`Error`].
    pub async fn renew(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.renew(owner, deadline).await,
            Engine::JetStream(queues) => queues.renew(owner, deadline).await,
        }
    }

    /// Ends a lease. What the owner has claimed is ready again.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn leave(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.leave(owner, deadline).await,
            Engine::JetStream(queues) => queues.leave(owner, deadline).await,
        }
    }

    /// Gives back the messages of this process's claims whose outcome is not known, ends the leases of owners that did not renew
    /// them, and forgets ids that were seen long ago. Each process does this, about once a second.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn sweep(&self, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.sweep(deadline).await,
            Engine::JetStream(queues) => queues.sweep(deadline).await,
        }
    }

    /// Gives the owner at most this many messages of a queue that are ready, the first due first.
    ///
    /// # Errors
    ///
    /// See [`Error`]. If the outcome is not known, the messages may be claimed: they are ready again after [`Queues::sweep`].
    pub async fn claim(
        &self,
        owner: &Owner,
        queue: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Claim, Error> {
        let most = most.min(MAX_CLAIM);
        match &self.0 {
            Engine::Tables(queues) => queues.claim(owner, queue, most, deadline).await,
            Engine::JetStream(queues) => queues.claim(owner, queue, most, deadline).await,
        }
    }

    /// Ends the work on a message. Returns whether the owner still had it.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn end(
        &self,
        owner: &Owner,
        number: i64,
        end: End<'_>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.end(owner, number, end, deadline).await,
            Engine::JetStream(queues) => queues.end(owner, number, end, deadline).await,
        }
    }

    /// What all queues that ever had a message tell of themselves, by name.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn figures(&self, deadline: Instant) -> Result<Vec<Figures>, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.figures(deadline).await,
            Engine::JetStream(queues) => queues.figures(deadline).await,
        }
    }

    /// A page of the messages of a queue, by their numbers, which begin after `after`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(
        &self,
        queue: &str,
        after: i64,
        deadline: Instant,
    ) -> Result<Vec<Listed>, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.list(queue, after, deadline).await,
            Engine::JetStream(queues) => queues.list(queue, after, deadline).await,
        }
    }

    /// Moves a message of a dead-letter queue, or all of them, back to its queue, as if it had never been claimed. Returns how many
    /// were moved.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn redrive(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.redrive(queue, number, deadline).await,
            Engine::JetStream(queues) => queues.redrive(queue, number, deadline).await,
        }
    }

    /// Deletes a message of a queue, or all of them, except those that an owner works on. Returns how many were deleted.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.delete(queue, number, deadline).await,
            Engine::JetStream(queues) => queues.delete(queue, number, deadline).await,
        }
    }

    /// Waits until another process has sent messages to a queue for which this one waits, and names it. Not every engine tells, and
    /// none tells for sure: looking at times is needed nevertheless. One caller at a time.
    pub async fn heard(&self) -> String {
        match &self.0 {
            Engine::Tables(queues) => queues.heard().await,
            Engine::JetStream(queues) => queues.heard().await,
        }
    }

    /// The schedules that were set, in no order.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn schedules(&self, deadline: Instant) -> Result<Vec<Schedule>, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.schedules(deadline).await,
            Engine::JetStream(queues) => queues.schedules(deadline).await,
        }
    }

    /// Sets when a schedule comes next, if it is still to come at `from`; `None` is for one that is not there. Of several who do this
    /// at once, one does. Returns whether it was this one.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn reschedule(
        &self,
        name: &str,
        from: Option<i64>,
        to: Option<i64>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.reschedule(name, from, to, deadline).await,
            Engine::JetStream(queues) => queues.reschedule(name, from, to, deadline).await,
        }
    }

    /// Closes the queues, for a shutdown.
    ///
    /// # Errors
    ///
    /// The work that did not finish before `deadline`. Nothing that was accepted is lost.
    pub async fn close(&self, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engine::Tables(queues) => queues.close(deadline).await,
            Engine::JetStream(queues) => queues.close(deadline).await,
        }
    }
}

fn check_sizes(messages: &[Message]) -> Result<(), Error> {
    let mut bytes = 0;
    for message in messages {
        let size = message.bytes();
        if size > MAX_MESSAGE_BYTES {
            return Err(Error::TooLarge { bytes: size });
        }
        bytes += size;
    }
    if messages.len() > MAX_SENT || bytes > MAX_SENT_BYTES {
        let messages = messages.len();
        return Err(Error::TooMany { messages, bytes });
    }
    Ok(())
}
