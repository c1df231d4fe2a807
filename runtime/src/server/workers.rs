//! Owns the worker threads of a server: which of them gets a connection, and a new thread in place of one that has ended.
//! Life on a worker thread is left to `worker`.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::limits::WORKER_START_TIMEOUT;
use super::worker::{PipelineParts, Worker, WorkerParts, WorkerThread};
use super::{Pipeline, ServeError};
use crate::observe::Observer;
use crate::request::WorkerId;

/// Starts the worker with this number.
type Start = Box<dyn Fn(WorkerId) -> io::Result<(Worker, WorkerThread)>>;

/// The workers of one server. Dropping it drains them.
pub(crate) struct Workers {
    start: Start,
    workers: Vec<Worker>,
    threads: Threads,
    /// The workers without a thread.
    lost: Vec<WorkerId>,
    observer: Arc<Observer>,
}

/// The threads of the workers, by their number.
#[derive(Debug)]
pub(crate) struct Threads(Vec<WorkerThread>);

impl fmt::Debug for Workers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = &self.workers;
        formatter
            .debug_struct("Workers")
            .field("workers", workers)
            .finish_non_exhaustive()
    }
}

impl Workers {
    /// Starts `count` workers, each with a pipeline that `factory` makes on its thread, and waits for them.
    pub(crate) async fn start<F, P>(
        count: NonZeroUsize,
        factory: F,
        parts: WorkerParts,
    ) -> Result<Self, ServeError>
    where
        F: Fn(PipelineParts) -> P + Send + Sync + 'static,
        P: Pipeline,
    {
        let factory = Arc::new(factory);
        let observer = Arc::clone(&parts.observer);
        let start: Start =
            Box::new(move |number| Worker::start(number, Arc::clone(&factory), parts.clone()));
        let started: io::Result<Vec<_>> = (0..count.get()).map(WorkerId).map(&start).collect();
        let started = started.map_err(ServeError::Worker)?.into_iter();
        let (workers, threads): (Vec<_>, Vec<_>) = started.unzip();
        let mut threads = Threads(threads);
        threads.all_ready().await?;
        observer.metrics().workers().set(count_of(&workers));
        Ok(Self {
            start,
            workers,
            threads,
            lost: Vec::new(),
            observer,
        })
    }

    /// The open connections of all workers.
    pub(crate) fn load(&self) -> usize {
        self.workers.iter().map(Worker::load).sum()
    }

    /// Hands a connection to the worker with the fewest, or gives it back when no worker lives.
    pub(crate) fn accept(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        has_tls: bool,
    ) -> Result<(), TcpStream> {
        loop {
            let living = self.workers.iter().filter(|worker| !worker.has_ended());
            let Some(worker) = living.min_by_key(|worker| worker.load()) else {
                return Err(stream);
            };
            match worker.accept(stream, peer, has_tls) {
                Ok(()) => return Ok(()),
                Err(returned) => stream = returned,
            }
        }
    }

    /// Whether any worker takes connections.
    pub(crate) fn any_lives(&self) -> bool {
        self.workers.iter().any(|worker| !worker.has_ended())
    }

    /// Whether a worker has no thread.
    pub(crate) fn any_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Waits until a thread ends that should not have ended, and notes that its worker is lost.
    pub(crate) async fn lose(&mut self) {
        let number = self.threads.first_ended().await;
        self.lost.push(number);
        let metrics = self.observer.metrics();
        metrics.workers().dec();
        metrics.workers_lost().inc();
        tracing::error!(
            worker = number.0,
            "a worker thread has ended; it is started again"
        );
    }

    /// Starts a thread for each worker that has none. Those that cannot be started stay lost.
    pub(crate) async fn replace_lost(&mut self) {
        for number in std::mem::take(&mut self.lost) {
            if self.replace(number).await.is_none() {
                self.lost.push(number);
            }
        }
    }

    async fn replace(&mut self, number: WorkerId) -> Option<()> {
        let (worker, mut thread) = (self.start)(number).ok()?;
        let ready = timeout(WORKER_START_TIMEOUT, &mut thread.ready).await;
        ready.ok()?.ok()?.ok()?;
        self.workers[number.0] = worker;
        self.threads.0[number.0] = thread;
        self.observer.metrics().workers().inc();
        Some(())
    }

    /// Drains the workers. The threads end once nothing is left to do.
    pub(crate) fn drain(self) -> Threads {
        self.threads
    }
}

impl Threads {
    /// Waits until every worker can take connections.
    async fn all_ready(&mut self) -> Result<(), ServeError> {
        for worker in &mut self.0 {
            let report = (&mut worker.ready).await;
            report
                .map_err(|_| ServeError::Factory)?
                .map_err(ServeError::Worker)?;
        }
        Ok(())
    }

    /// The number of the next worker whose thread has ended; each is given once.
    async fn first_ended(&mut self) -> WorkerId {
        poll_fn(|context| {
            for (number, worker) in self.0.iter_mut().enumerate() {
                let ended = worker.ended.as_mut();
                if ended.is_some_and(|ended| Pin::new(ended).poll(context).is_ready()) {
                    worker.ended = None;
                    return Poll::Ready(WorkerId(number));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Waits until every thread has ended.
    pub(crate) async fn ended(&mut self) {
        for worker in &mut self.0 {
            if let Some(ended) = &mut worker.ended {
                // Nothing is ever sent: a worker ends by dropping its side.
                let _ = ended.await;
                worker.ended = None;
            }
        }
    }

    /// Waits for the threads, at most for `patience`. A thread that a system call blocks is left to the end of the process.
    pub(crate) async fn ended_within(&mut self, patience: Duration) {
        let _ = timeout(patience, self.ended()).await;
    }
}

fn count_of(workers: &[Worker]) -> i64 {
    i64::try_from(workers.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
