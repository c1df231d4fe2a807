//! Owns the bytes of one connection, with or without TLS, behind one type, so that the protocols are compiled once.
//! Which of the two it is, is decided by `handshake`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The first bytes of HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bytes of a connection.
#[derive(Debug)]
pub(super) struct Transport {
    /// Bytes that were read too early, to find out the protocol or with a request before a switch, and are read again.
    looked_at: Bytes,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    // On the heap, because its state is a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    pub(super) fn plain(stream: TcpStream) -> Self {
        let stream = Stream::Plain(stream);
        let looked_at = Bytes::new();
        Self { looked_at, stream }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        let stream = Stream::Tls(Box::new(stream));
        let looked_at = Bytes::new();
        Self { looked_at, stream }
    }

    /// Gives back bytes that were read last, to be read again.
    pub(super) fn give_back(&mut self, bytes: Bytes) {
        self.looked_at = if self.looked_at.is_empty() {
            bytes
        } else {
            [bytes, self.looked_at.split_off(0)].concat().into()
        };
    }

    /// Whether the client begins with the preface of HTTP/2.
    ///
    /// # Errors
    /// The connection failed.
    pub(super) async fn begins_with_http2(&mut self) -> io::Result<bool> {
        let (mut first, mut length) = ([0; PREFACE.len()], 0);
        let begins = loop {
            let read = self.stream.get_mut().read(&mut first[length..]).await?;
            length += read;
            if length == PREFACE.len() {
                break first == *PREFACE;
            }
            if read == 0 || !PREFACE.starts_with(&first[..length]) {
                break false;
            }
        };
        self.looked_at = Bytes::copy_from_slice(&first[..length]);
        Ok(begins)
    }
}

trait ReadAndWrite: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> ReadAndWrite for S {}

impl Stream {
    fn get_mut(&mut self) -> &mut dyn ReadAndWrite {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.looked_at.is_empty() {
            let length = self.looked_at.len().min(buffer.remaining());
            buffer.put_slice(&self.looked_at[..length]);
            self.looked_at.advance(length);
            return Poll::Ready(Ok(()));
        }
        Pin::new(self.stream.get_mut()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}
