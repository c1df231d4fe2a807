//! A link between two regions: a proxy that passes on what it gets after a delay, in both directions. Where the packets of the machine
//! can be delayed (`tc netem`), that would do; but many kernels lack it.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// The time that a byte takes from one region to the other.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// The most bytes that are passed on at once.
const MAX_CHUNK_BYTES: usize = 16 * 1024;

/// Most chunks of a connection that are on their way. More wait at their sender, as in a network.
const MAX_CHUNKS: usize = 256;

/// The other end of a link.
#[derive(Clone)]
pub(crate) enum End {
    Address(SocketAddr),
    Socket(PathBuf),
}

/// A connection of one of the two kinds.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What is on its way, and when it arrives.
type Chunk = (Instant, Vec<u8>);

/// Opens a link, which is there until this process ends. Returns its port on this machine.
///
/// # Errors
/// When no port is free.
pub(crate) fn to(end: End) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let end = end.clone();
            thread::spawn(move || {
                // What went wrong, both ends see.
                let _ = pass(near, &end);
            });
        }
    });
    Ok(port)
}

/// Connects the two ends, which takes a round trip, and passes on what they say.
fn pass(near: TcpStream, end: &End) -> io::Result<()> {
    thread::sleep(DELAY * 2);
    near.set_nodelay(true)?;
    let near = Stream::Tcp(near);
    let far = match end {
        End::Address(address) => {
            let far = TcpStream::connect(address)?;
            far.set_nodelay(true)?;
            Stream::Tcp(far)
        }
        End::Socket(path) => Stream::Unix(UnixStream::connect(path)?),
    };
    let (near_too, far_too) = (near.another()?, far.another()?);
    thread::spawn(move || one_way(near_too, far));
    one_way(far_too, near);
    Ok(())
}

/// Passes on what one end says until it says no more.
fn one_way(mut from: Stream, mut to: Stream) {
    let (sender, receiver) = sync_channel(MAX_CHUNKS);
    let writing = thread::spawn(move || {
        let written = deliver(&receiver, &mut to);
        // Whoever sends more learns that nobody reads it.
        drop(receiver);
        to.close(if written.is_ok() {
            Shutdown::Write
        } else {
            Shutdown::Both
        });
    });
    let _ = take(&mut from, &sender);
    drop(sender);
    let _ = writing.join();
}

fn take(from: &mut Stream, sender: &SyncSender<Chunk>) -> io::Result<()> {
    let mut buffer = vec![0; MAX_CHUNK_BYTES];
    loop {
        let length = from.read(&mut buffer)?;
        let chunk = (Instant::now() + DELAY, buffer[..length].to_vec());
        if length == 0 || sender.send(chunk).is_err() {
            return Ok(());
        }
    }
}

fn deliver(receiver: &Receiver<Chunk>, to: &mut Stream) -> io::Result<()> {
    for (arrives, bytes) in receiver {
        thread::sleep(arrives.saturating_duration_since(Instant::now()));
        to.write_all(&bytes)?;
    }
    Ok(())
}

impl Stream {
    fn another(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    fn close(&self, how: Shutdown) {
        // It may be closed already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives_after_the_delay_and_in_order() {
        let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = to(End::Address(far.local_addr().unwrap())).unwrap();
        let echo = thread::spawn(move || {
            let (mut stream, _) = far.accept().unwrap();
            let mut said = Vec::new();
            stream.read_to_end(&mut said).unwrap();
            stream.write_all(&said).unwrap();
        });
        let begun = Instant::now();
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let said: Vec<u8> = (0..200_000_u32)
            .map(|number| number.to_le_bytes()[0])
            .collect();
        near.write_all(&said).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        near.read_to_end(&mut heard).unwrap();
        assert!(heard == said);
        // A round trip to connect, and one for what is said.
        assert!(begun.elapsed() >= DELAY * 4);
        echo.join().unwrap();
    }
}
