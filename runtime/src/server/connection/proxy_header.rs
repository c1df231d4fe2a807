//! Owns the header with which a load balancer tells the client's address at the beginning of a connection: the PROXY protocol, versions
//! 1 and 2 (<https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>). Whether such a header is needed is left to the settings.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::clock;
use crate::server::limits::{MAX_PROXY_HEADER_BYTES, PROXY_REFUSAL_LOG_INTERVAL};

/// The first bytes of version 2 (section 2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The first bytes of version 1 (section 2.1).
const WORD: &[u8] = b"PROXY ";

/// The longest line of version 1, with its end (section 2.1).
const LINE_BYTES: usize = 107;

/// The part of version 2 before the addresses.
const FIXED_BYTES: usize = 16;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The connection of a client.
    Client {
        /// The client's address.
        source: SocketAddr,
        /// The address that it has connected to.
        destination: SocketAddr,
    },
    /// A connection of the load balancer itself, or of a client whose address it does not know or that has none.
    Unknown,
}

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
    #[error("its header of the PROXY protocol is malformed: {0}")]
    Malformed(&'static str),
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
            return Err(HeaderError::Malformed("it is too long"));
        }
        bytes.resize(FIXED_BYTES + length, 0);
        fill(stream, &mut bytes[FIXED_BYTES..]).await?;
        return version_2(&bytes);
    }
    if !bytes.starts_with(WORD) {
        return Err(HeaderError::Missing);
    }
    while !bytes.ends_with(b"\n") {
        let mut coming = [0; LINE_BYTES];
        let room = LINE_BYTES - bytes.len();
        if room == 0 {
            return Err(HeaderError::Malformed("its line is too long"));
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
    version_1(&bytes)
}

async fn fill(stream: &mut TcpStream, bytes: &mut [u8]) -> Result<(), HeaderError> {
    let filled = stream.read_exact(bytes).await;
    filled.map(drop).map_err(HeaderError::Ended)
}

/// A line of version 1, with its end.
fn version_1(line: &[u8]) -> Result<Header, HeaderError> {
    let text = line
        .strip_suffix(b"\r\n")
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(HeaderError::Malformed("its line is none of text"))?;
    let mut words = text.split(' ').skip(1);
    let family = words.next().unwrap_or_default();
    // What follows is to be ignored.
    if family == "UNKNOWN" {
        return Ok(Header::Unknown);
    }
    let is_family = |address: &IpAddr| match family {
        "TCP4" => address.is_ipv4(),
        "TCP6" => address.is_ipv6(),
        _ => false,
    };
    let mut address = || words.next()?.parse::<IpAddr>().ok().filter(is_family);
    let addresses = address().zip(address());
    let mut port = || {
        let digits = words.next()?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let ports = port().zip(port());
    let malformed = HeaderError::Malformed("its line is `PROXY TCP4|TCP6 FROM TO PORT PORT`");
    match (addresses, ports, words.next()) {
        (Some((from, to)), Some((from_port, to_port)), None) => Ok(Header::Client {
            source: SocketAddr::new(from, from_port),
            destination: SocketAddr::new(to, to_port),
        }),
        _ => Err(malformed),
    }
}

/// A whole header of version 2. Extensions behind the addresses (TLVs) are ignored.
fn version_2(bytes: &[u8]) -> Result<Header, HeaderError> {
    let (fixed, rest) = bytes
        .split_at_checked(FIXED_BYTES)
        .ok_or(HeaderError::Malformed("it is too short"))?;
    let (version, command, family) = (fixed[12] >> 4, fixed[12] & 0xf, fixed[13]);
    if version != 2 {
        return Err(HeaderError::Malformed("its version is not 2"));
    }
    match command {
        // LOCAL: the load balancer's own connection; whatever else it says is to be ignored.
        0 => return Ok(Header::Unknown),
        // PROXY
        1 => {}
        _ => return Err(HeaderError::Malformed("its command is none")),
    }
    let addresses = match family {
        // TCP over IPv4
        0x11 => addresses::<4>(rest),
        // TCP over IPv6
        0x21 => addresses::<16>(rest),
        // UNSPEC, datagrams, and sockets of Unix: no address of TCP.
        _ => return Ok(Header::Unknown),
    };
    addresses.ok_or(HeaderError::Malformed("it is too short for its addresses"))
}

/// Two addresses of so many bytes, and their ports.
fn addresses<const N: usize>(rest: &[u8]) -> Option<Header>
where
    IpAddr: From<[u8; N]>,
{
    let (from, rest) = rest.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let [from_high, from_low, to_high, to_low] = *rest.first_chunk()?;
    Some(Header::Client {
        source: SocketAddr::new((*from).into(), u16::from_be_bytes([from_high, from_low])),
        destination: SocketAddr::new((*to).into(), u16::from_be_bytes([to_high, to_low])),
    })
}

#[cfg(test)]
mod tests;
