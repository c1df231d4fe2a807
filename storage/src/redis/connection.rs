//! A connection to a server: made, used by many commands at once, and closed when the server says nothing any more. When a new one
//! is made, is left to [`super::server`].

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisError, Value};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Address, Place};
use super::failures::{self, Failed};
use crate::clock;
use crate::limits::{
    HANDSHAKE_TIMEOUT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_RETRIES, MAX_SILENCE,
    MAX_UNACKNOWLEDGED,
};

/// A connection. Clones are the same.
#[derive(Clone)]
pub(super) struct Connection {
    client: MultiplexedConnection,
    /// The task that reads and writes.
    driving: AbortHandle,
    /// Whether it was closed here. The task ends a moment later.
    is_left: Arc<AtomicBool>,
    heard: Heard,
    /// The server's own name for its process, once somebody has asked.
    run: Arc<OnceLock<Arc<str>>>,
}

/// What is sent at once.
pub(super) enum Request {
    One(Cmd),
    /// Commands that are executed one after the other, perhaps with those of others in between. The answer has all of theirs.
    Many(Pipeline),
}

impl Request {
    /// The same for a server of a Cluster that does not have the key's slot yet. Nothing of others gets in between.
    pub(super) fn asking(&self) -> Self {
        let mut commands = Pipeline::new();
        commands.cmd("ASKING");
        match self {
            Self::One(command) => commands.add_command(command.clone()),
            // Each of them would have to be announced.
            Self::Many(others) => return Self::Many(others.clone()),
        };
        Self::Many(commands)
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unconnected {
    /// The handshake of TLS failed.
    Handshake(io::Error),
    /// The network or the server's login.
    Other(RedisError),
}

impl From<io::Error> for Unconnected {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<RedisError> for Unconnected {
    fn from(error: RedisError) -> Self {
        Self::Other(error)
    }
}

impl Unconnected {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Handshake(error) => format!("the TLS handshake failed: {error}"),
            Self::Other(error) => failures::words(error),
        }
    }
}

impl Connection {
    /// Connects and logs in. The runtime of the calling task drives the connection.
    pub(super) async fn open(address: &Address) -> Result<Self, Unconnected> {
        let heard = Heard::default();
        let stream = Watched {
            stream: dial(address).await?,
            heard: heard.clone(),
            is_blocked: false,
        };
        // Deadlines are those of the callers.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (client, driving) =
            MultiplexedConnection::new_with_config(&address.login, stream, config).await?;
        Ok(Self {
            client,
            driving: tokio::spawn(driving).abort_handle(),
            is_left: Arc::default(),
            heard,
            run: Arc::default(),
        })
    }

    pub(super) fn run(&self) -> Option<Arc<str>> {
        self.run.get().cloned()
    }

    /// Notes the server's name for its process, and returns it.
    pub(super) fn note_run(&self, run: &str) -> Arc<str> {
        Arc::clone(self.run.get_or_init(|| run.into()))
    }

    /// Whether it may take commands.
    pub(super) fn is_open(&self) -> bool {
        !self.is_left.load(Ordering::Relaxed) && !self.driving.is_finished()
    }

    /// Whether another is the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.is_left, &other.is_left)
    }

    /// Closes it. The commands that wait on it fail.
    pub(super) fn close(&self) {
        self.is_left.store(true, Ordering::Relaxed);
        self.driving.abort();
    }

    /// Sends a command and waits for its answer. Without one, the connection is closed when nothing has passed on it for
    /// [`MAX_SILENCE`].
    pub(super) async fn send(&self, request: &Request) -> Result<Value, Failed> {
        let mut client = self.client.clone();
        let mut answer = pin!(async {
            match request {
                Request::One(command) => client.send_packed_command(command).await,
                Request::Many(commands) => {
                    let answers = client.send_packed_commands(commands, 0, commands.len());
                    answers.await.map(Value::Array)
                }
            }
        });
        loop {
            match timeout(MAX_SILENCE, &mut answer).await {
                Ok(answer) => {
                    let answer = answer.and_then(Value::extract_error);
                    return answer.map_err(|error| failures::of_command(&error));
                }
                Err(_) if self.heard.silence() >= MAX_SILENCE => {
                    self.close();
                    return Err(Failed::Hung);
                }
                Err(_) => {}
            }
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn dial(address: &Address) -> Result<Box<dyn Stream>, Unconnected> {
    let (host, port) = match &address.place {
        Place::Socket(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Place::Network(host, port) => (host.as_str(), *port),
    };
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(MAX_UNACKNOWLEDGED))?;
    let Some(config) = &address.tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let secured = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    let secured = timeout(HANDSHAKE_TIMEOUT, secured).await;
    let secured = secured.unwrap_or_else(|_| Err(io::Error::other("no answer; has it TLS?")));
    Ok(Box::new(secured.map_err(Unconnected::Handshake)?))
}

/// When the server was last heard of. Clones are the same.
#[derive(Clone)]
struct Heard(Arc<Mutex<Instant>>);

impl Default for Heard {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(clock::now())))
    }
}

impl Heard {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clock::now();
    }

    fn silence(&self) -> Duration {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clock::now().saturating_duration_since(last)
    }
}

/// A stream that notes when the server sends something, or takes what it had not room for: a large value takes its time on a slow
/// network. What fits into the buffers of the system says nothing of the server.
struct Watched {
    stream: Box<dyn Stream>,
    heard: Heard,
    /// Whether the last write found no room.
    is_blocked: bool,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.heard.note();
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() && self.is_blocked {
            self.heard.note();
        }
        self.is_blocked = written.is_pending();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
