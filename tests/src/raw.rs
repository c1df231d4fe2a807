//! Bytes on a socket, for what no HTTP client would send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::within;

/// A connection to an `http://` address, or to an `https://` one without TLS.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self(stream)
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn open(address: &str) -> Self {
        let address = address
            .trim_start_matches("http://")
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .to_owned();
        let stream = within("a connection", TcpStream::connect(&address)).await;
        Self(stream.unwrap_or_else(|error| panic!("nobody listens at {address}: {error}")))
    }

    /// Sends bytes; that the other side has closed by now is for the reading to tell.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("the sending of bytes", self.0.write_all(bytes.as_ref())).await;
    }

    /// Sends these bytes again and again and reads nothing, until the other side cuts the connection.
    pub async fn send_until_cut(mut self, bytes: impl AsRef<[u8]>) {
        let sending = async { while self.0.write_all(bytes.as_ref()).await.is_ok() {} };
        within("the cut of a connection", sending).await;
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// Reads until the other side closes. A reset ends the reading as well.
    pub async fn read_to_end(mut self) -> String {
        let mut bytes = Vec::new();
        let _ = within("the end of the connection", self.0.read_to_end(&mut bytes)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads until `end` has come; shorter when the other side closes before.
    pub async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        let mut piece = [0; 4096];
        while !text.contains(end) {
            match within(end, self.0.read(&mut piece)).await {
                Ok(0) | Err(_) => break,
                Ok(length) => text.push_str(&String::from_utf8_lossy(&piece[..length])),
            }
        }
        text
    }
}

/// Sends bytes on a connection of their own and reads until the other side closes.
pub async fn exchange(address: &str, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = Connection::open(address).await;
    connection.send(bytes).await;
    connection.read_to_end().await
}

/// The status codes of all responses in what a connection gave.
#[must_use]
pub fn statuses(text: &str) -> Vec<u16> {
    let heads = text
        .match_indices("HTTP/1.1 ")
        .map(|(at, found)| &text[at + found.len()..]);
    heads
        .filter_map(|head| head.get(..3)?.parse().ok())
        .collect()
}
