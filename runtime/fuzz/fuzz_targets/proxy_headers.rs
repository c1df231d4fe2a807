//! Reads arbitrary bytes as headers of the PROXY protocol. What was read has one spelling in each version, which reads the same.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;

#[path = "../../src/server/connection/proxy_header/parsed.rs"]
mod parsed;

use parsed::{FIXED_BYTES, Header, version_1, version_2};

fuzz_target!(|data: &[u8]| {
    let line = [b"PROXY ", data, b"\r\n"].concat();
    // The bytes between the signature and the addresses decide; a fuzzer that has to find the signature finds little else.
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    binary.extend(data);
    for header in [
        version_1(data),
        version_1(&line),
        version_2(data),
        version_2(&binary),
    ] {
        if let Ok(Header::Client {
            source,
            destination,
        }) = header
        {
            is_read_again(source, destination);
        }
    }
});

fn is_read_again(source: SocketAddr, destination: SocketAddr) {
    assert_eq!(source.is_ipv4(), destination.is_ipv4());
    let expected = Header::Client {
        source,
        destination,
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let line = format!(
        "PROXY {family} {from} {to} {} {}\r\n",
        source.port(),
        destination.port()
    );
    assert_eq!(version_1(line.as_bytes()).expect("its own line"), expected);
    let mut rest = [bytes(from), bytes(to)].concat();
    rest.extend(source.port().to_be_bytes());
    rest.extend(destination.port().to_be_bytes());
    let mut header = vec![0; FIXED_BYTES];
    header[12..14].copy_from_slice(&[0x21, if source.is_ipv4() { 0x11 } else { 0x21 }]);
    header.extend(rest);
    assert_eq!(version_2(&header).expect("its own header"), expected);
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
