//! A proxy of a test's own between a client and a server: it cuts, delays and swallows what passes. It has a thread of
//! its own, so it also works while a test blocks. The tests of the crate `terrace-storage` include this file too.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{oneshot, watch};

/// How an answer ends, outside of a transaction: the message `ReadyForQuery` with the state `I`.
const END_OF_ANSWER: &[u8] = b"Z\0\0\0\x05I";

/// The most bytes that are passed on at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What happens to a connection when a text passes on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server never gets the text, and the client gets a reset.
    Cut,
    /// A Postgres server gets the text, and the client so many bytes of the answer. It gets a reset when the server has answered
    /// all and no transaction is open.
    CutAnswer(usize),
    /// The server never gets the text, and the client hears nothing more.
    Swallow,
    /// The server gets the text, and the client hears nothing more.
    SwallowAnswer,
    /// The server gets the text after this time.
    Delay(Duration),
}

/// What happens to a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It is passed on.
    Open,
    /// It is reset.
    Shut,
    /// It is taken, and never hears anything.
    Silent,
}

/// A proxy in front of a server's socket. It ends with the value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it ends the thread.
    _end: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Shared {
    server: Place,
    door: Mutex<Door>,
    faults: Mutex<Vec<(Vec<u8>, Fault)>>,
    orders: watch::Sender<Orders>,
}

/// Where the server listens.
#[derive(Clone, Debug)]
enum Place {
    Socket(PathBuf),
    Network(SocketAddr),
}

/// How often all connections were told to do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Orders {
    cut: u32,
    swallow: u32,
}

/// How a connection goes on.
enum Next {
    Pass,
    Cut,
    Swallow,
}

impl Proxy {
    /// A proxy in front of the Postgres server with its socket in that folder.
    ///
    /// # Panics
    /// When this machine gives it no address or no thread.
    #[must_use]
    pub fn to(folder: &Path) -> Self {
        Self::before(&folder.join(".s.PGSQL.5432"))
    }

    /// A proxy in front of the server that listens on that socket.
    ///
    /// # Panics
    /// When this machine gives it no address or no thread.
    #[must_use]
    pub fn before(socket: &Path) -> Self {
        Self::of(Place::Socket(socket.to_owned()))
    }

    /// A proxy in front of the server that listens at that address.
    ///
    /// # Panics
    /// When this machine gives it no address or no thread.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self::of(Place::Network(address))
    }

    fn of(server: Place) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("it is a socket");
        let shared = Arc::new(Shared {
            server,
            door: Mutex::new(Door::Open),
            faults: Mutex::default(),
            orders: watch::Sender::default(),
        });
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let accepting = accept(listener, Arc::clone(&shared));
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    _ = accepting => {}
                }
            });
        });
        Self {
            address,
            shared,
            _end: end,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the Postgres server's database through this proxy.
    #[must_use]
    pub fn url(&self) -> String {
        let address = self.address;
        format!("postgres://terrace@{address}/postgres?sslmode=disable")
    }

    /// Has this happen on the first connection on which the client sends the text, once.
    pub fn when(&self, text: &str, fault: Fault) {
        let text = text.as_bytes().to_vec();
        locked(&self.shared.faults).push((text, fault));
    }

    /// Has this happen to new connections.
    pub fn door(&self, door: Door) {
        *locked(&self.shared.door) = door;
    }

    /// Resets all connections.
    pub fn cut_all(&self) {
        self.shared.orders.send_modify(|orders| orders.cut += 1);
    }

    /// Lets nothing pass any more on all connections, without a word to either side, as a firewall does that forgot them.
    pub fn swallow_all(&self) {
        self.shared.orders.send_modify(|orders| orders.swallow += 1);
    }
}

impl Shared {
    /// The fault for a piece that the client sent.
    fn fault(&self, piece: &[u8]) -> Option<Fault> {
        let mut faults = locked(&self.faults);
        let passes = |text: &[u8]| piece.windows(text.len()).any(|window| window == text);
        let at = faults.iter().position(|(text, _)| passes(text))?;
        Some(faults.remove(at).1)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(serve(client, Arc::clone(&shared)));
    }
}

/// Serves one connection to its end. The sides see how it ends.
async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    let door = *locked(&shared.door);
    let next = match door {
        Door::Open => match &shared.server {
            Place::Socket(path) => match UnixStream::connect(path).await {
                Ok(server) => pass(&mut client, server, &shared).await,
                Err(_) => Next::Cut,
            },
            Place::Network(address) => match TcpStream::connect(address).await {
                Ok(server) => pass(&mut client, server, &shared).await,
                Err(_) => Next::Cut,
            },
        },
        Door::Shut => Next::Cut,
        Door::Silent => Next::Swallow,
    };
    if matches!(next, Next::Swallow) {
        swallow(&mut client).await;
    }
    // With a lingering time of zero, the drop sends a reset.
    let _ = client.set_zero_linger();
}

/// Reads what the client sends, for nobody, until it leaves.
async fn swallow(client: &mut TcpStream) {
    let mut piece = vec![0; PIECE_BYTES];
    while client.read(&mut piece).await.is_ok_and(|read| read > 0) {}
}

/// Passes on what both sides send until a fault, an order or an end. The server's side stays open while the client's is swallowed.
async fn pass<S>(client: &mut TcpStream, mut server: S, shared: &Shared) -> Next
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut orders = shared.orders.subscribe();
    let begun = *orders.borrow_and_update();
    let (mut sent, mut answered) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let mut answer_fault = None;
    loop {
        let next = tokio::select! {
            _ = orders.changed() => ordered(begun, *orders.borrow()),
            read = client.read(&mut sent) => {
                let piece = &sent[..read.unwrap_or(0)];
                to_server(piece, &mut server, shared, &mut answer_fault).await
            }
            read = server.read(&mut answered) => {
                let piece = &answered[..read.unwrap_or(0)];
                to_client(piece, client, &mut answer_fault).await
            }
        };
        match next {
            Next::Pass => {}
            Next::Cut => return Next::Cut,
            Next::Swallow => {
                swallow(client).await;
                return Next::Cut;
            }
        }
    }
}

fn ordered(begun: Orders, now: Orders) -> Next {
    match now {
        Orders { cut, .. } if cut != begun.cut => Next::Cut,
        Orders { swallow, .. } if swallow != begun.swallow => Next::Swallow,
        _ => Next::Pass,
    }
}

/// Passes on what the client sent. An empty piece is its end.
async fn to_server(
    piece: &[u8],
    server: &mut (impl AsyncWrite + Unpin),
    shared: &Shared,
    answer_fault: &mut Option<Fault>,
) -> Next {
    if piece.is_empty() {
        return Next::Cut;
    }
    match shared.fault(piece) {
        None => {}
        Some(Fault::Cut) => return Next::Cut,
        Some(Fault::Swallow) => return Next::Swallow,
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(fault) => *answer_fault = Some(fault),
    }
    match server.write_all(piece).await {
        Ok(()) => Next::Pass,
        Err(_) => Next::Cut,
    }
}

/// Passes on what the server answered. An empty piece is its end.
async fn to_client(piece: &[u8], client: &mut TcpStream, fault: &mut Option<Fault>) -> Next {
    let (kept, next) = match fault {
        _ if piece.is_empty() => (0, Next::Cut),
        Some(Fault::CutAnswer(bytes)) => {
            let kept = piece.len().min(*bytes);
            *bytes -= kept;
            match piece.ends_with(END_OF_ANSWER) {
                true => (kept, Next::Cut),
                false => (kept, Next::Pass),
            }
        }
        Some(Fault::SwallowAnswer) => (0, Next::Swallow),
        _ => (piece.len(), Next::Pass),
    };
    match client.write_all(&piece[..kept]).await {
        Ok(()) => next,
        Err(_) => Next::Cut,
    }
}
