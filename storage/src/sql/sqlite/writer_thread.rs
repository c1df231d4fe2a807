//! The writer's thread. It executes groups of statements that share a commit, statements that run alone, and
//! transactions.
//!
//! **Group commit.** A commit waits for the disk, which takes a hundred times as long as a typical write. So the writes
//! in the queue run in one transaction, and each is acknowledged after its commit. With a commit time of 4 ms, the
//! thread makes 5,600 writes per second for 32 writers and 82,000 for 2,000 writers. With one commit per write it would
//! make 250.
//!
//! When a statement fails, SQLite undoes that statement alone, so the group needs no savepoints. Some errors roll back
//! the whole transaction: an interrupted statement, `ON CONFLICT ROLLBACK`, a full disk. Then the others run again
//! without the failed one. None of them was acknowledged before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc as thread_channel;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::connection::{Connection, StatementKind};
use super::counters::Counters;
use super::interrupt::Limit;
use super::job::{Job, Message, Transaction};
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::{MAX_GROUP_DURATION, MAX_GROUP_STATEMENTS};
use crate::sql::statistics::Statistics;
use crate::sql::value::Rows;

/// The state of the thread.
pub(super) struct WriterThread {
    connection: Connection,
    messages: mpsc::Receiver<Message>,
    /// Messages to handle before the queue: taken from it already, or to run again.
    waiting: VecDeque<Message>,
    /// The number of next writes that must be committed one by one.
    one_by_one: usize,
    transaction_idle: Duration,
    statistics: Arc<Statistics>,
}

/// A statement that was executed but not committed, with its result.
type Executed = (Job, (Rows, Counters));

impl WriterThread {
    pub(super) fn new(
        connection: Connection,
        messages: mpsc::Receiver<Message>,
        transaction_idle: Duration,
        statistics: Arc<Statistics>,
    ) -> Self {
        Self {
            connection,
            messages,
            waiting: VecDeque::new(),
            one_by_one: 0,
            transaction_idle,
            statistics,
        }
    }

    /// Handles messages until the database is closed or dropped.
    pub(super) fn run(mut self) {
        while let Some(message) = self.next() {
            match message {
                Message::Job(job) if job.task.kind == StatementKind::Write => self.run_group(job),
                Message::Job(job) => self.run_alone(job),
                Message::Close(deadline, done) => {
                    let tidied = self.tidy_up(deadline);
                    drop(self);
                    // The caller may no longer wait. The database is closed in any case.
                    drop(done.send(tidied));
                    return;
                }
            }
        }
    }

    fn next(&mut self) -> Option<Message> {
        self.waiting
            .pop_front()
            .or_else(|| self.messages.blocking_recv())
    }

    /// The next message, if it is already in the queue and may join a group.
    fn next_write(&mut self) -> Option<Job> {
        match self
            .waiting
            .pop_front()
            .or_else(|| self.messages.try_recv().ok())?
        {
            Message::Job(job) if job.task.kind == StatementKind::Write => Some(job),
            other => {
                self.waiting.push_front(other);
                None
            }
        }
    }

    fn run_group(&mut self, first: Job) {
        let capacity = self.group_capacity();
        if !first.cancellation.start() {
            return first.fail(EngineFailure::DeadlineExceeded.into());
        }
        // Another process may hold the lock. The wait ends at the first statement's deadline; the others may leave the
        // queue meanwhile.
        let begun = self.limited(&first, |connection| connection.command("BEGIN IMMEDIATE"));
        if let Err(error) = begun {
            return first.fail(error);
        }
        let end = clock::now() + MAX_GROUP_DURATION;
        let mut executed = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match self.execute(&job) {
                Ok(outcome) => executed.push((job, outcome)),
                Err(error) => {
                    let rolled_back = self.connection.is_autocommit() || error.must_be_undone();
                    job.fail(error);
                    if rolled_back {
                        return self.start_over(executed);
                    }
                }
            }
            let room = executed.len() < capacity && clock::now() < end;
            next = if room { self.next_write() } else { None };
        }
        self.commit(executed);
    }

    fn group_capacity(&mut self) -> usize {
        if self.one_by_one == 0 {
            return MAX_GROUP_STATEMENTS;
        }
        self.one_by_one -= 1;
        1
    }

    fn commit(&mut self, executed: Vec<Executed>) {
        match self.connection.command("COMMIT") {
            Ok(()) => {
                self.statistics.group_commits.increment();
                for (job, outcome) in executed {
                    job.answer(Ok(outcome), None);
                }
            }
            // One of the statements violated a deferred constraint. Alone, each fails only for itself.
            Err(Error::Constraint { .. }) if executed.len() > 1 => {
                self.one_by_one = executed.len();
                self.start_over(executed);
            }
            Err(error) => {
                self.roll_back();
                for (job, _) in executed {
                    job.fail(error.clone());
                }
            }
        }
    }

    /// Rolls back the group, and puts its executed statements back at the front of the queue.
    fn start_over(&mut self, executed: Vec<Executed>) {
        self.roll_back();
        for (job, _) in executed.into_iter().rev() {
            self.waiting.push_front(Message::Job(job));
        }
    }

    /// Runs a statement that cannot share a transaction. If it opens a transaction, serves that to its end.
    fn run_alone(&mut self, job: Job) {
        let result = self.execute(&job);
        if self.connection.is_autocommit() {
            return job.answer(result, None);
        }
        self.statistics.transactions.increment();
        let (transaction, statements) = Transaction::new();
        job.answer(result, Some(transaction));
        self.serve(&statements);
    }

    /// Serves one transaction until it ends, its session drops it, or it is idle for too long. Other writes wait.
    fn serve(&mut self, statements: &thread_channel::Receiver<Job>) {
        while let Ok(mut job) = statements.recv_timeout(self.transaction_idle) {
            let transaction = job.transaction.take();
            let result = self.execute(&job);
            if self.connection.is_autocommit() {
                return job.answer(result, None);
            }
            job.answer(result, transaction);
        }
        self.statistics.transactions_lost.increment();
        self.roll_back();
    }

    fn execute(&self, job: &Job) -> Result<(Rows, Counters), Error> {
        if !job.cancellation.start() {
            return Err(EngineFailure::DeadlineExceeded.into());
        }
        self.statistics.writes.increment();
        let task = &job.task;
        let mut counters = task.counters;
        counters.work.waited = clock::now() - task.asked;
        self.limited(job, |connection| match task.kind {
            StatementKind::Vacuum => connection
                .vacuum(&task.sql, &task.parameters)
                .map(|rows| (rows, counters)),
            _ => connection.write(&task.sql, &task.parameters, counters),
        })
    }

    fn limited<T>(&self, job: &Job, work: impl FnOnce(&Connection) -> T) -> T {
        self.connection
            .limited(Limit::Cancellation(Arc::clone(&job.cancellation)), work)
    }

    fn roll_back(&self) {
        if self.connection.is_autocommit() {
            return;
        }
        // `ROLLBACK` fails only if SQLite has already rolled back.
        drop(self.connection.command("ROLLBACK"));
    }

    /// Refreshes the planner's statistics and moves the log into the file. The next start is then quick, and a copy of
    /// the file is complete. If another process uses the file now, it does this when it ends.
    fn tidy_up(&self, deadline: Instant) -> Result<(), Error> {
        let tidied = self
            .connection
            .limited(Limit::Deadline(deadline), |connection| {
                connection.batch(
                    "PRAGMA analysis_limit = 400; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)",
                )
            });
        match tidied {
            // The other one wrote while the statistics were read.
            Err(Error::Engine(EngineFailure::Busy | EngineFailure::SerializationFailure)) => Ok(()),
            other => other,
        }
    }
}
