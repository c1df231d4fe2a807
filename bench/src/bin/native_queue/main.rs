//! The limit of queues: a native hyper server that stores each message before it answers 202, and works on the messages in the same
//! process. It keeps them in an SQLite file, in a table of Postgres or in a stream of NATS, as a program would that uses the engine
//! itself: without CloudEvents, limits, retries, dead letters or order.

mod figures;
mod nats;
mod postgres;
mod sqlite;

use std::{error::Error, net::SocketAddr, process, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};

use crate::figures::Figures;

/// The result of a step. People read the errors, so they are boxed messages and not types.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Messages in work at once, as in Terrace's consumer.
const CONCURRENCY: usize = 32;

/// The response of `functions/hello`, which is the consumer of Terrace.
const GREETING: &[u8] = b"Hello from Terrace\n";

/// The page with the figures.
const METRICS: &str = "/metrics";

/// A field value as long as the request id that Terrace adds.
const REQUEST_ID: HeaderValue = HeaderValue::from_static("00000000000000000000000000000000");

/// Stores messages and works on them.
#[derive(Parser)]
struct Options {
    /// The address to listen at.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the messages are: a URL of Postgres or of NATS, or the path of an SQLite file.
    #[arg(long)]
    queue: String,
}

/// Where the messages are.
enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
    Nats(nats::Engine),
}

/// The engine and its figures.
struct Queue {
    engine: Engine,
    figures: Arc<Figures>,
}

#[tokio::main]
async fn main() -> Outcome {
    let options = Options::parse();
    let figures = Arc::<Figures>::default();
    let at = &options.queue;
    let engine = match at.split_once("://") {
        Some(("postgres", _)) => {
            Engine::Postgres(postgres::Engine::open(at, Arc::clone(&figures)).await?)
        }
        Some(("nats", _)) => Engine::Nats(nats::Engine::open(at, Arc::clone(&figures)).await?),
        _ => Engine::Sqlite(sqlite::Engine::open(at, Arc::clone(&figures))?),
    };
    let queue = Arc::new(Queue { engine, figures });
    let listener = TcpListener::bind(options.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, Arc::clone(&queue)));
    }
}

async fn serve(stream: TcpStream, queue: Arc<Queue>) {
    let answer = |request| answer(request, Arc::clone(&queue));
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    // It ends when its client leaves, which is not an error.
    drop(connection.await);
}

async fn answer(request: Request<Incoming>, queue: Arc<Queue>) -> Outcome<Response<Full<Bytes>>> {
    if request.method() != Method::POST {
        let is_page = request.uri().path() == METRICS;
        return Ok(match is_page {
            true => text(queue.figures.page().into()),
            false => greeting(),
        });
    }
    let data = request.into_body().collect().await?.to_bytes();
    match &queue.engine {
        Engine::Sqlite(engine) => engine.store(data).await?,
        Engine::Postgres(engine) => engine.store(data).await?,
        Engine::Nats(engine) => engine.store(data).await?,
    }
    queue.figures.accepted();
    let mut response = text(Bytes::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// Works on a message as `functions/hello` does: the response says whether it is to be acknowledged.
fn handle(message: &[u8]) -> Response<Full<Bytes>> {
    let mut response = greeting();
    if message.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

fn greeting() -> Response<Full<Bytes>> {
    text(Bytes::from_static(GREETING))
}

fn text(content: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(content));
    let headers = response.headers_mut();
    let plain_text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain_text);
    headers.insert(HeaderName::from_static("x-request-id"), REQUEST_ID);
    response
}

/// Runs the consumer. It ends the server if it fails, so that no figure is that of a queue without a consumer.
fn consume(consuming: impl Future<Output = Outcome> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = consuming.await {
            eprintln!("the consumer failed: {error}");
            process::exit(1);
        }
    });
}

/// Microseconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// The time since a message was accepted.
fn since(accepted: i64) -> Duration {
    let microseconds = now().saturating_sub(accepted);
    Duration::from_micros(u64::try_from(microseconds).unwrap_or_default())
}
