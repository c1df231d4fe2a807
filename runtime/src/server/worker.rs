//! Owns one worker thread: its runtime, its pipeline and the connections handed to it.
//! Everything a request needs happens on this thread, so no step of it waits for another one to wake.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::background::Background;
use super::connection::Connections;
use super::drain::Ending;
use super::stages::ServerStages;
use super::{Pipeline, ServerConfig};
use crate::observe::Observer;
use crate::request::WorkerId;

/// A worker as the acceptor sees it. Dropping it drains the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    connections: mpsc::UnboundedSender<Accepted>,
    load: Arc<AtomicUsize>,
    observer: Arc<Observer>,
}

/// The end of a worker as the server sees it.
#[derive(Debug)]
pub(crate) struct WorkerThread {
    /// Resolves when the worker can take connections.
    pub(crate) ready: oneshot::Receiver<io::Result<()>>,
    /// Resolves when the worker has ended; `None` once that was noticed.
    pub(crate) ended: Option<oneshot::Receiver<()>>,
}

/// The parts of every worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerParts {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) observer: Arc<Observer>,
    /// Turns true when requests in flight are to be cut.
    pub(crate) ending: watch::Receiver<Ending>,
}

/// The parts that a worker gives its pipeline.
#[derive(Debug)]
pub struct PipelineParts {
    /// The worker.
    pub worker: WorkerId,
    /// The stages that the server does itself.
    pub stages: ServerStages,
    /// Takes work that outlives its request.
    pub background: Background,
}

#[derive(Debug)]
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    has_tls: bool,
    open: Open,
}

/// One open connection; counted until it is dropped.
#[derive(Debug)]
struct Open {
    load: Arc<AtomicUsize>,
    observer: Arc<Observer>,
}

impl Worker {
    /// Starts a worker thread whose pipeline `factory` makes.
    pub(crate) fn start<F, P>(
        id: WorkerId,
        factory: Arc<F>,
        parts: WorkerParts,
    ) -> io::Result<(Self, WorkerThread)>
    where
        F: Fn(PipelineParts) -> P + Send + Sync + 'static,
        P: Pipeline,
    {
        let (connections, accepted) = mpsc::unbounded_channel();
        let (report, ready) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let observer = Arc::clone(&parts.observer);
        std::thread::Builder::new()
            .name(format!("worker-{}", id.0))
            .spawn(move || {
                run(id, &*factory, parts, accepted, report);
                drop(ending);
            })?;
        let worker = Self {
            connections,
            load: Arc::default(),
            observer,
        };
        Ok((
            worker,
            WorkerThread {
                ready,
                ended: Some(ended),
            },
        ))
    }

    /// The connections that this worker has open.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Whether the thread has ended, so that nobody takes connections any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.connections.is_closed()
    }

    /// Hands a connection over, or gives it back when the worker has ended.
    pub(crate) fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        has_tls: bool,
    ) -> Result<(), TcpStream> {
        self.load.fetch_add(1, Ordering::Relaxed);
        self.observer.metrics().connections().inc();
        let open = Open {
            load: Arc::clone(&self.load),
            observer: Arc::clone(&self.observer),
        };
        let handed_over = self.connections.send(Accepted {
            stream,
            peer,
            has_tls,
            open,
        });
        handed_over.map_err(|returned| returned.0.stream)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
        self.observer.metrics().connections().dec();
    }
}

fn run<F, P>(
    id: WorkerId,
    factory: &F,
    parts: WorkerParts,
    accepted: mpsc::UnboundedReceiver<Accepted>,
    report: oneshot::Sender<io::Result<()>>,
) where
    F: Fn(PipelineParts) -> P,
    P: Pipeline,
{
    let runtime = match Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    runtime.block_on(async move {
        let WorkerParts {
            config,
            observer,
            mut ending,
        } = parts;
        // Each worker has a copy: workers that count references in one place wait for each other (decision 16).
        let observer = Arc::new(Observer::clone(&observer));
        let background = Background::default();
        let pipeline = factory(PipelineParts {
            worker: id,
            stages: ServerStages::new(Arc::clone(&config), Arc::clone(&observer)),
            background: background.clone(),
        });
        let connections = Rc::new(Connections::new(pipeline, config, observer));
        let _ = report.send(Ok(()));
        let served = serve(accepted, connections, background, ending.clone());
        tokio::select! {
            () = served => {}
            _ = ending.wait_for(|ending| *ending == Ending::Cut) => {}
        }
    });
    // Not dropped, which would wait for calls that block: an answer of a resolver, a read of a file.
    runtime.shutdown_background();
}

/// Serves connections until no more come, all are closed, and what they have left to do is done.
async fn serve<P: Pipeline>(
    mut accepted: mpsc::UnboundedReceiver<Accepted>,
    connections: Rc<Connections<P>>,
    background: Background,
    ending: watch::Receiver<Ending>,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            next = accepted.recv() => match next {
                Some(next) => {
                    open.spawn_local(serve_one(next, Rc::clone(&connections)));
                }
                None => break,
            },
            // Collected as they end, so that the set does not grow. A panic ended that connection only.
            Some(_) = open.join_next() => {}
        }
    }
    let ending = *ending.borrow();
    connections.drain(ending);
    while open.join_next().await.is_some() {}
    background.finished().await;
}

async fn serve_one<P: Pipeline>(accepted: Accepted, connections: Rc<Connections<P>>) {
    let Accepted {
        stream,
        peer,
        has_tls,
        open,
    } = accepted;
    // Registering fails only when the process is out of memory for it; the connection is then dropped.
    if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
        connections.serve(stream, peer, has_tls).await;
    }
    drop(open);
}
