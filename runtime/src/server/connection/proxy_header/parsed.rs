//! Parses the two versions of the header, whole. It depends on nothing else of this crate, so that `runtime/fuzz/` can include it.

use std::net::{IpAddr, SocketAddr};

/// The part of version 2 before the addresses.
pub(super) const FIXED_BYTES: usize = 16;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
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

/// Why a header is none.
#[derive(Debug, thiserror::Error)]
#[error("its header of the PROXY protocol is malformed: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// A line of version 1, with its end.
pub(super) fn version_1(line: &[u8]) -> Result<Header, Malformed> {
    let text = line
        .strip_suffix(b"\r\n")
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(Malformed("its line is none of text"))?;
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
    let malformed = Malformed("its line is `PROXY TCP4|TCP6 FROM TO PORT PORT`");
    match (addresses, ports, words.next()) {
        (Some((from, to)), Some((from_port, to_port)), None) => Ok(Header::Client {
            source: SocketAddr::new(from, from_port),
            destination: SocketAddr::new(to, to_port),
        }),
        _ => Err(malformed),
    }
}

/// A whole header of version 2. Extensions behind the addresses (TLVs) are ignored.
pub(super) fn version_2(bytes: &[u8]) -> Result<Header, Malformed> {
    let (fixed, rest) = bytes
        .split_at_checked(FIXED_BYTES)
        .ok_or(Malformed("it is too short"))?;
    let (version, command, family) = (fixed[12] >> 4, fixed[12] & 0xf, fixed[13]);
    if version != 2 {
        return Err(Malformed("its version is not 2"));
    }
    match command {
        // LOCAL: the load balancer's own connection; whatever else it says is to be ignored.
        0 => return Ok(Header::Unknown),
        // PROXY
        1 => {}
        _ => return Err(Malformed("its command is none")),
    }
    let addresses = match family {
        // TCP over IPv4
        0x11 => addresses::<4>(rest),
        // TCP over IPv6
        0x21 => addresses::<16>(rest),
        // UNSPEC, datagrams, and sockets of Unix: no address of TCP.
        _ => return Ok(Header::Unknown),
    };
    addresses.ok_or(Malformed("it is too short for its addresses"))
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
