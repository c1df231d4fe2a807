//! The limit: a native hyper server, without WebAssembly, routing, limits or logs. It gives the response of
//! `functions/hello`, so the difference to Terrace is the price of a function. It also gives cacheable responses of a
//! requested size, so it is the origin of the caches, and their limit too.

use std::{convert::Infallible, io, net::SocketAddr, num::NonZeroUsize, sync::LazyLock, thread};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use http::{
    HeaderValue, Request, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::LocalSet,
};

/// The response of `functions/hello`.
const BODY: &[u8] = b"Hello from Terrace\n";

/// A field value as long as the request id that Terrace adds, so that the number of bytes is the same.
const REQUEST_ID: HeaderValue = HeaderValue::from_static("00000000000000000000000000000000");

/// The prefix of paths that request a number of bytes, such as `/bytes/1024`.
const BYTES_PATH: &str = "/bytes/";

/// The largest number of bytes in a response.
const MAX_BYTES: usize = 64 * 1024;

/// Greetings, repeated up to the largest response.
static GREETINGS: LazyLock<Bytes> =
    LazyLock::new(|| BODY.iter().copied().cycle().take(MAX_BYTES).collect());

/// Answers every request with a greeting, or with many.
#[derive(Parser)]
struct Options {
    /// The address to listen at.
    #[arg(long)]
    listen: SocketAddr,
    /// How threads share the work.
    #[arg(long)]
    threads: Threads,
}

/// How threads share the work.
#[derive(Clone, Copy, ValueEnum)]
enum Threads {
    /// One runtime per core, each with its own connections, as in Terrace.
    PerCore,
    /// Tokio's multi-threaded runtime, whose threads steal work from each other.
    Stealing,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    match options.threads {
        Threads::PerCore => serve_per_core(options.listen),
        Threads::Stealing => Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(serve_stealing(options.listen)),
    }
}

async fn serve_stealing(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream));
    }
}

/// Accepts on this thread and gives connections to one worker thread per core.
fn serve_per_core(address: SocketAddr) -> io::Result<()> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = (0..cores).map(|_| start_worker());
    let workers: Vec<_> = workers.collect::<io::Result<_>>()?;
    let listener = std::net::TcpListener::bind(address)?;
    for worker in workers.iter().cycle() {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        worker
            .send(stream)
            .map_err(|_| io::Error::other("a worker has ended"))?;
    }
    Ok(())
}

fn start_worker() -> io::Result<mpsc::UnboundedSender<std::net::TcpStream>> {
    let (sender, mut accepted) = mpsc::unbounded_channel();
    let runtime: Runtime = Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        let connections = async move {
            while let Some(stream) = accepted.recv().await {
                // If the runtime cannot take the socket, dropping it closes it, and the client sees that.
                if let Ok(stream) = TcpStream::from_std(stream) {
                    tokio::task::spawn_local(serve(stream));
                }
            }
        };
        LocalSet::new().block_on(&runtime, connections);
    });
    Ok(sender)
}

async fn serve(stream: TcpStream) {
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    // It ends when its client leaves, which is not an error.
    drop(connection.await);
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let count = request.uri().path().strip_prefix(BYTES_PATH);
    let count = count.and_then(|count| count.parse().ok());
    Ok(match count {
        Some(count) => greetings(count),
        None => greeting(),
    })
}

/// A response that may be stored for an hour.
fn greetings(count: usize) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(GREETINGS.slice(..count.min(MAX_BYTES))));
    let headers = response.headers_mut();
    // A type that no server compresses.
    let type_ = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, type_);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

fn greeting() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    let plain_text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain_text);
    response.headers_mut().insert("x-request-id", REQUEST_ID);
    response
}
