//! Owns how a server hands its listening sockets over to its successor, over a Unix socket in the state folder: none of the
//! connections that wait at a socket is lost, as it would be if the successor bound the address anew.
//! The end of the predecessor is left to [`super::Server::run`], which drains as at a signal.

use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::addresses::LISTENERS;
use super::limits::{ACCEPT_PAUSE, HANDOVER_TIMEOUT, MAX_SUCCESSORS, SUCCESSOR_TIMEOUT};

/// The first message of the predecessor, which comes with the sockets. It changes when the messages do.
const SOCKETS: &[u8] = b"terrace listeners 1";

/// The answer of a successor that serves.
const SERVING: u8 = b's';

/// The sockets of a predecessor that goes on until the successor serves, and those of the service manager.
#[derive(Debug, Default)]
pub struct Inheritance {
    sockets: Vec<TcpListener>,
    predecessor: Option<UnixStream>,
}

/// Why nothing could be taken over from a server that runs.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot take the listening sockets over from the server at {}: {source}; end that server first, or start without `--take-over`",
    .path.display()
)]
pub struct HandoverError {
    path: PathBuf,
    source: io::Error,
}

impl Inheritance {
    /// Asks the server that offers its sockets at `path`. If none runs there, nothing is inherited.
    ///
    /// # Errors
    ///
    /// If a server runs and does not hand its sockets over in time.
    pub fn ask(path: &Path) -> Result<Self, HandoverError> {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        let predecessor = match UnixStream::connect(path) {
            Ok(predecessor) => predecessor,
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => {
                return Ok(Self::default());
            }
            Err(source) => return Err(failed(path, source)),
        };
        let sockets = receive(&predecessor).map_err(|source| failed(path, source))?;
        Ok(Self {
            sockets,
            predecessor: Some(predecessor),
        })
    }

    /// Has these sockets taken first.
    #[must_use]
    pub fn preceded_by(mut self, sockets: Vec<TcpListener>) -> Self {
        self.sockets.splice(0..0, sockets);
        self
    }

    /// The socket that listens on an address.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let is_it = |socket: &TcpListener| socket.local_addr().is_ok_and(|own| own == address);
        let position = self.sockets.iter().position(is_it)?;
        Some(self.sockets.remove(position))
    }

    /// Forgets the sockets that are not needed.
    pub(super) fn predecessor(self) -> Option<UnixStream> {
        self.predecessor
    }
}

/// Hands the sockets of a server over when a successor asks.
#[derive(Debug)]
pub struct Handover {
    path: PathBuf,
    sockets: Vec<TcpListener>,
    predecessor: Option<UnixStream>,
    /// Where successors ask.
    listener: Option<UnixListener>,
}

impl Handover {
    /// Of these sockets, at `path`.
    pub(super) fn new(
        path: PathBuf,
        sockets: Vec<TcpListener>,
        predecessor: Option<UnixStream>,
    ) -> Self {
        Self {
            path,
            sockets,
            predecessor,
            listener: None,
        }
    }

    /// Tells the predecessor that this server serves, and offers the sockets in its place.
    pub fn offer(&mut self) {
        if let Some(mut predecessor) = self.predecessor.take() {
            // If it is gone, it needs no message.
            let _ = predecessor.write_all(&[SERVING]);
        }
        match self.listen() {
            Ok(listener) => self.listener = Some(listener),
            Err(error) => {
                let path = self.path.display();
                tracing::warn!("no successor can take over from this server: {path}: {error}");
            }
        }
    }

    /// Resolves when a successor has the sockets and serves. Successors that give up before change nothing. The sockets stay
    /// open as long as this lives.
    pub async fn taken(&self) {
        let Some(listener) = &self.listener else {
            return std::future::pending().await;
        };
        let mut successors = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((successor, _)) if successors.len() < MAX_SUCCESSORS && self.send_to(&successor).is_ok() => {
                        successors.spawn(timeout(SUCCESSOR_TIMEOUT, serves(successor)));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(ended) = successors.join_next() => {
                    if matches!(ended, Ok(Ok(true))) {
                        return;
                    }
                }
            }
        }
    }

    /// Takes the path, from a predecessor too. Only this user may connect.
    fn listen(&self) -> io::Result<UnixListener> {
        let draft = self.path.with_extension(std::process::id().to_string());
        if let Some(folder) = draft.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Of a process that had this number and was killed.
        let _ = std::fs::remove_file(&draft);
        let listener = UnixListener::bind(&draft)?;
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&draft, &self.path)?;
        Ok(listener)
    }

    fn send_to(&self, successor: &tokio::net::UnixStream) -> io::Result<()> {
        let sockets: Vec<BorrowedFd<'_>> = self.sockets.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(LISTENERS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&sockets));
        // The connection is new, so this needs no waiting.
        sendmsg(
            successor,
            &[IoSlice::new(SOCKETS)],
            &mut control,
            SendFlags::empty(),
        )?;
        Ok(())
    }
}

/// Whether a successor says that it serves, before it closes the connection.
async fn serves(mut successor: tokio::net::UnixStream) -> bool {
    matches!(successor.read_u8().await, Ok(SERVING))
}

fn receive(predecessor: &UnixStream) -> io::Result<Vec<TcpListener>> {
    predecessor.set_read_timeout(Some(HANDOVER_TIMEOUT))?;
    predecessor.set_write_timeout(Some(HANDOVER_TIMEOUT))?;
    let mut text = [0; SOCKETS.len()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(LISTENERS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        predecessor,
        &mut [IoSliceMut::new(&mut text)],
        &mut control,
        RecvFlags::empty(),
    )?;
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            sockets.extend(descriptors.map(TcpListener::from));
        }
    }
    if received.bytes == 0 {
        let what = "other successors are about to serve, or it ends";
        return Err(io::Error::other(what));
    }
    if text.get(..received.bytes) != Some(SOCKETS) {
        return Err(io::Error::other("it is of another version"));
    }
    for socket in &sockets {
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
        socket.set_nonblocking(true)?;
    }
    Ok(sockets)
}

fn failed(path: &Path, source: io::Error) -> HandoverError {
    let path = path.to_owned();
    HandoverError { path, source }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A server that offers a socket, and the address of that.
    fn offered(folder: &TempDir) -> (Handover, SocketAddr) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let path = folder.path().join("a.sock");
        let mut handover = Handover::new(path, vec![socket], None);
        handover.offer();
        (handover, address)
    }

    /// A successor that has asked.
    async fn ask(handover: &Handover) -> Result<Inheritance, HandoverError> {
        let path = handover.path.clone();
        let asked = tokio::task::spawn_blocking(move || Inheritance::ask(&path));
        asked.await.unwrap()
    }

    #[tokio::test]
    async fn the_first_successor_that_serves_takes_over() {
        let folder = tempfile::tempdir().unwrap();
        let (handover, address) = offered(&folder);
        let successors = async {
            let slow = ask(&handover).await.unwrap();
            drop(ask(&handover).await.unwrap());
            let mut quick = ask(&handover).await.unwrap();
            assert!(quick.take(address).is_some());
            let path = folder.path().join("b.sock");
            Handover::new(path, Vec::new(), quick.predecessor()).offer();
            slow
        };
        let ((), slow) = tokio::join!(handover.taken(), successors);
        drop(slow);
    }

    #[tokio::test]
    async fn successors_at_once_have_a_bound_and_one_that_leaves_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let (handover, _) = offered(&folder);
        let successors = async {
            let mut asked = Vec::new();
            for _ in 0..MAX_SUCCESSORS {
                asked.push(ask(&handover).await.unwrap());
            }
            assert!(ask(&handover).await.is_err());
            asked.pop();
            while ask(&handover).await.is_err() {}
        };
        tokio::select! {
            () = handover.taken() => panic!("nobody serves"),
            () = successors => {}
        }
    }

    #[tokio::test]
    async fn a_server_takes_the_path_of_its_predecessor() {
        let folder = tempfile::tempdir().unwrap();
        let (_old, _) = offered(&folder);
        let (new, address) = offered(&folder);
        let asking = async {
            let mut asked = ask(&new).await.unwrap();
            assert!(asked.take(address).is_some());
        };
        tokio::select! {
            () = new.taken() => panic!("nobody serves"),
            () = asking => {}
        }
    }
}
