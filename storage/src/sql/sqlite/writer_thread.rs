//! The thread that writes: groups of statements that share a commit, statements that run alone, and transactions.
//!
//! **Group commit.** A commit waits for the disk, which takes a hundred times as long as a typical
//! write. So the writes that wait together run in one transaction, and each is acknowledged after its
//! commit. On a disk with a commit of 4 ms that makes 5,600 writes a second of 32 writers and 82,000 of
//! 2,000, where commits of their own make 250.
//!
//! SQLite undoes a statement that fails by itself, as it does in any transaction, so the others are not
//! touched and no savepoint is needed. Where SQLite must roll back the whole transaction (a statement was
//! interrupted, `ON CONFLICT ROLLBACK`, a full disk) the others run again without the one that
//! failed; none was acknowledged yet.

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

/// What the thread owns.
pub(super) struct WriterThread {
    connection: Connection,
    messages: mpsc::Receiver<Message>,
    /// Taken from the queue, or to run again; before everything in the queue.
    waiting: VecDeque<Message>,
    /// How many of the next writes must be committed one by one.
    one_by_one: usize,
    transaction_idle: Duration,
    statistics: Arc<Statistics>,
}

/// A statement that was executed but not committed, with what to answer once it is.
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

    /// Works until the database is closed or dropped.
    pub(super) fn run(mut self) {
        while let Some(message) = self.next() {
            match message {
                Message::Job(job) if job.task.kind == StatementKind::Write => self.run_group(job),
                Message::Job(job) => self.run_alone(job),
                Message::Close(deadline, done) => {
                    let tidied = self.tidy_up(deadline);
                    drop(self);
                    // The caller may have stopped waiting; the database is closed all the same.
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

    /// The next message, if it is here already and may join a group.
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
        // Waits for a lock of another process as long as the first can; the others may leave the queue meanwhile.
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
            // A constraint that is checked at the end was violated by one of them; alone, each fails for itself.
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

    /// Undoes the group, and puts what was executed back to the front of the queue.
    fn start_over(&mut self, executed: Vec<Executed>) {
        self.roll_back();
        for (job, _) in executed.into_iter().rev() {
            self.waiting.push_front(Message::Job(job));
        }
    }

    /// Runs what cannot share a transaction; if it opened one, that is served to its end.
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

    /// Serves one transaction alone, until it ends, its session goes away or it is idle for too long.
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
        self.limited(job, |connection| match task.kind {
            StatementKind::Vacuum => connection
                .vacuum(&task.sql, &task.parameters)
                .map(|rows| (rows, task.counters)),
            _ => connection.write(&task.sql, &task.parameters, task.counters),
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
        // SQLite fails here only where it has rolled back already.
        drop(self.connection.command("ROLLBACK"));
    }

    /// Refreshes what the planner knows, and moves the log into the file, so that the next start is quick and a copy of
    /// the file is complete. Another process that uses the file at this moment will do so when it ends.
    fn tidy_up(&self, deadline: Instant) -> Result<(), Error> {
        let tidied = self
            .connection
            .limited(Limit::Deadline(deadline), |connection| {
                connection.batch(
                    "PRAGMA analysis_limit = 400; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)",
                )
            });
        match tidied {
            Err(Error::Engine(EngineFailure::Busy)) => Ok(()),
            other => other,
        }
    }
}
