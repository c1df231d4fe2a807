//! Owns the header with which a load balancer tells the client's address at the beginning of a connection: the PROXY protocol, versions
//! 1 and 2 (<https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>). Whether such a header is needed is left to the settings.

mod parsed;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::clock;
use crate::server::limits::{MAX_PROXY_HEADER_BYTES, PROXY_REFUSAL_LOG_INTERVAL};

pub(super) use parsed::Header;
use parsed::{FIXED_BYTES, Malformed, version_1, version_2};

/// The first bytes of version 2 (section 2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The first bytes of version 1 (section 2.1).
const WORD: &[u8] = b"PROXY ";

/// The longest line of version 1, with its end (section 2.1).
const LINE_BYTES: usize = 107;

/// Why a connection has no header that can be believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    /// The peer is not in `trusted_proxies`.
    #[error(
        "the peer is none of `trusted_proxies`; add it to [listen], or have it connect to a listener without `proxy_protocol`"
    )]
    Stranger,
    /// The connection begins with something else.
    #[error(
        "it does not begin with a header of the PROXY protocol; have the load balancer send one (`send-proxy-v2` in HAProxy)"
    )]
    Missing,
    /// The header is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The connection ended or broke before.
    #[error("it ended within its header of the PROXY protocol")]
    Ended(#[source] io::Error),
}

/// Says in the log why connections are refused, now and then only.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    last: Cell<Option<Instant>>,
    unsaid: Cell<u64>,
}

impl Complaints {
    /// Says why a connection is refused, unless another reason was said a moment ago.
    pub(super) fn say(&self, peer: SocketAddr, error: &HeaderError) {
        let now = clock::now();
        let is_soon =
            |last: Instant| now.saturating_duration_since(last) < PROXY_REFUSAL_LOG_INTERVAL;
        if self.last.get().is_some_and(is_soon) {
            return self.unsaid.set(self.unsaid.get() + 1);
        }
        self.last.set(Some(now));
        let others = self.unsaid.take();
        tracing::warn!(%peer, others, "a connection is refused: {error}");
    }
}

/// Reads the header at the beginning of a connection, and not a byte more.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Header, HeaderError> {
    let mut bytes = vec![0; SIGNATURE.len()];
    fill(stream, &mut bytes).await?;
    if bytes == SIGNATURE {
        bytes.resize(FIXED_BYTES, 0);
        fill(stream, &mut bytes[SIGNATURE.len()..]).await?;
        let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        if FIXED_BYTES + length > MAX_PROXY_HEADER_BYTES {
            return Err(Malformed("it is too long").into());
        }
        bytes.resize(FIXED_BYTES + length, 0);
        fill(stream, &mut bytes[FIXED_BYTES..]).await?;
        return Ok(version_2(&bytes)?);
    }
    if !bytes.starts_with(WORD) {
        return Err(HeaderError::Missing);
    }
    while !bytes.ends_with(b"\n") {
        let mut coming = [0; LINE_BYTES];
        let room = LINE_BYTES - bytes.len();
        if room == 0 {
            return Err(Malformed("its line is too long").into());
        }
        let seen = stream.peek(&mut coming[..room]).await;
        let seen = &coming[..seen.map_err(HeaderError::Ended)?];
        let end = seen.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(seen.len(), |end| end + 1);
        let from = bytes.len();
        // At the end of the stream there is nothing to see, and reading the next byte says so.
        bytes.resize(from + taken.max(1), 0);
        fill(stream, &mut bytes[from..]).await?;
    }
    Ok(version_1(&bytes)?)
}

async fn fill(stream: &mut TcpStream, bytes: &mut [u8]) -> Result<(), HeaderError> {
    let filled = stream.read_exact(bytes).await;
    filled.map(drop).map_err(HeaderError::Ended)
}

#[cfg(test)]
mod tests;
