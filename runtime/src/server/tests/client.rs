//! A client that sends the bytes it is given and reads responses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// So long a test waits before it fails. Reached only when something is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) content: String,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Sends as much as the server takes; whether it closes meanwhile is part of the test.
    pub(super) fn send_what_is_taken(&mut self, bytes: &[u8]) -> &mut Self {
        let _ = self.0.get_mut().write_all(bytes);
        self
    }

    pub(super) fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .reply()
    }

    /// Reads one response.
    pub(super) fn reply(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                self.0.read_line(&mut head).unwrap(),
                0,
                "closed after {head:?}"
            );
        }
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut content = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut content).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply {
            status,
            head,
            content: String::from_utf8(content).unwrap(),
        }
    }

    /// Reads until the server closes.
    pub(super) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Sends a byte each time that no answer has come for `pause`. What the answer begins with.
    pub(super) fn reply_to_trickle(&mut self, pause: Duration) -> String {
        self.0.get_ref().set_read_timeout(Some(pause)).unwrap();
        let mut answer = [0; 64];
        loop {
            self.send_what_is_taken(b"a");
            match self.0.read(&mut answer) {
                Ok(length) => return String::from_utf8_lossy(&answer[..length]).into_owned(),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
        }
    }

    /// Reads until the connection is cut.
    pub(super) fn read_pieces_until_cut(&mut self) {
        let mut piece = [0; 4096];
        while self.0.read(&mut piece).is_ok_and(|length| length > 0) {}
    }

    pub(super) fn end_sending(&mut self) -> &mut Self {
        self.0.get_mut().shutdown(Shutdown::Write).unwrap();
        self
    }
}
