//! A real server on a free port with a function that answers in the place of an app, and clients that write raw bytes.

mod admin;
mod bind;
mod client;
mod disconnect;
mod drain;
mod identity;
mod limits;
mod malformed;
mod response;

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::{
    Arrival, Ending, ExchangeBody, Inheritance, Pipeline, PipelineParts, Readiness, ServeError,
    Server, ServerConfig, ServerStages, TrustedProxies,
};
use crate::clock;
use crate::failure::Failure;
use crate::observe::{Metrics, Observer};
use crate::request::{RequestBody, ResponseBody};
use crate::settings::{DEFAULT_TRUSTED_FIELDS, ServerLimits};
use client::{Client, PATIENCE};

type Outcome = Result<Response<ResponseBody>, Failure>;

/// The server's own stages around a function that answers.
pub(super) struct TestPipeline<F> {
    stages: ServerStages,
    answer: F,
}

impl<F> TestPipeline<F> {
    pub(super) fn new(parts: PipelineParts, answer: F) -> Self {
        let stages = parts.stages;
        Self { stages, answer }
    }
}

impl<F, A> Pipeline for TestPipeline<F>
where
    F: Fn(Request<RequestBody>) -> A + 'static,
    A: Future<Output = Outcome>,
{
    async fn answer(&self, arrival: Arrival) -> Response<ExchangeBody> {
        let (exchange, accepted) = self.stages.accept(arrival);
        let outcome = match accepted {
            Ok(request) => {
                let context = exchange.context();
                (self.answer)(self.stages.limit(request, context, clock::now())).await
            }
            Err(failure) => Err(failure),
        };
        exchange.respond(outcome)
    }
}

/// A running server; dropping it ends it at once.
struct TestServer {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    signals: mpsc::UnboundedSender<Ending>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl TestServer {
    fn start<F, A>(limits: ServerLimits, trusted_proxies: &[&str], answer: F) -> Self
    where
        F: Fn(Request<RequestBody>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Outcome> + 'static,
    {
        let metrics = Arc::new(Metrics::new());
        let readiness = Readiness::default();
        let config = ServerConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            h2c: false,
            proxy_protocol: false,
            workers: NonZeroUsize::new(2).unwrap(),
            limits,
            trusted_proxies: TrustedProxies::new(
                trusted_proxies
                    .iter()
                    .map(|net| net.parse().unwrap())
                    .collect(),
                DEFAULT_TRUSTED_FIELDS.map(HeaderName::from_static).into(),
            ),
        };
        let observer = Arc::new(Observer::new(Arc::clone(&metrics), None));
        let server = Server::bind(
            config,
            &mut Inheritance::default(),
            observer,
            readiness.clone(),
        )
        .unwrap();
        let address = server.local_addr();
        let (signals, mut received) = mpsc::unbounded_channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let factory = move |parts| TestPipeline::new(parts, answer.clone());
            runtime.block_on(server.run(
                factory,
                || (),
                async || received.recv().await.unwrap_or_default(),
            ))
        });
        Self {
            address,
            metrics,
            readiness,
            signals,
            thread: Some(thread),
        }
    }

    fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    fn signal(&self) {
        self.signals.send(Ending::Drain).unwrap();
    }

    /// Waits for the server to end by itself.
    fn join(&mut self) -> Result<(), ServeError> {
        self.thread.take().unwrap().join().unwrap()
    }

    /// Waits until the text of the metrics contains `line`.
    fn await_metric(&self, line: &str) {
        await_that(line, || self.metrics.to_text().contains(line));
    }

    /// Waits until nothing more is accepted, after which the workers are told to drain.
    fn await_drain(&self) {
        await_that("drain", || {
            std::net::TcpStream::connect(self.address).is_err()
        });
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.signals.send(Ending::Drain);
        let _ = self.signals.send(Ending::Drain);
        if let Some(thread) = self.thread.take() {
            // After a second signal it says that it did not drain, which nobody waits for here.
            let _ = thread.join().unwrap();
        }
    }
}

/// Lets other threads run until `happened`, and fails when it does not.
fn await_that(what: &str, happened: impl Fn() -> bool) {
    let deadline = clock::now() + PATIENCE;
    while !happened() {
        assert!(clock::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Answers with the fields and the content of the request, one per line.
async fn echo(mut request: Request<RequestBody>) -> Outcome {
    let context = Arc::clone(request.body().context().unwrap());
    context.write_to(request.headers_mut());
    let client = context.caller.client();
    let mut text = format!("client: {client}\n{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    let content = request.into_body().collect().await?.to_bytes();
    text.push_str(&String::from_utf8_lossy(&content));
    Ok(Response::new(ResponseBody::Full(Bytes::from(text))))
}

fn echo_server() -> TestServer {
    TestServer::start(ServerLimits::standard(), &[], echo)
}

fn text(content: &'static str) -> Outcome {
    Ok(Response::new(ResponseBody::Full(Bytes::from_static(
        content.as_bytes(),
    ))))
}
