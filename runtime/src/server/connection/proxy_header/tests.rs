//! Headers as load balancers send them, and as nobody should.

use std::net::IpAddr;

use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

/// Reads the header of a connection that begins with these bytes, in pieces, and what follows it.
async fn read_from(pieces: &[&[u8]]) -> (Result<Header, HeaderError>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let sending = async {
        for piece in pieces {
            // A reader that has had enough closes.
            let _ = client.write_all(piece).await;
            tokio::task::yield_now().await;
        }
        let _ = client.shutdown().await;
    };
    let (header, ()) = tokio::join!(read(&mut server), sending);
    let mut rest = Vec::new();
    if header.is_ok() {
        server.read_to_end(&mut rest).await.unwrap();
    }
    (header, rest)
}

fn client(source: &str, destination: &str) -> Header {
    Header::Client {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

/// A header of version 2 with this command and family.
fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[0x20 | command, family], &length, rest].concat()
}

const V4: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0xc0, 0x01, 0x01, 0xbb];

/// Section 2: the addresses of a client, whatever its header brings along, and not a byte of what it sends itself.
#[tokio::test]
async fn header_gives_the_addresses_of_a_client() {
    let v4 = client("192.0.2.7:49153", "198.51.100.1:443");
    let v6 = client("[2001:db8::7]:49153", "[2001:db8::1]:443");
    let bytes_of_v6 = [
        &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..],
        &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &V4[8..],
    ]
    .concat();
    let with_extensions = [V4, &[0x04, 0, 3, 1, 2, 3], &[0xe0; 900]].concat();
    let mut longest = b"PROXY UNKNOWN ".to_vec();
    longest.resize(LINE_BYTES - 2, b'x');
    longest.extend(b"\r\n");
    for (header, expected) in [
        (
            b"PROXY TCP4 192.0.2.7 198.51.100.1 49153 443\r\n".to_vec(),
            v4,
        ),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::1 49153 443\r\n".to_vec(),
            v6,
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), Header::Unknown),
        (longest, Header::Unknown),
        (second(1, 0x11, V4), v4),
        (second(1, 0x11, &with_extensions), v4),
        (second(1, 0x21, &bytes_of_v6), v6),
        (second(0, 0x00, b""), Header::Unknown),
        (second(0, 0x11, V4), Header::Unknown),
        (second(1, 0x00, b"abc"), Header::Unknown),
        (second(1, 0x12, V4), Header::Unknown),
        (second(1, 0x31, &[0; 216]), Header::Unknown),
    ] {
        let request = b"GET / HTTP/1.1\r\n\r\n";
        let (first, last) = header.split_at(header.len() / 2);
        for pieces in [&[&header[..], request][..], &[first, last, request]] {
            let (read, rest) = read_from(pieces).await;
            assert_eq!((read.unwrap(), &rest[..]), (expected, &request[..]));
        }
    }
}

#[tokio::test]
async fn what_is_no_header_is_refused_with_the_reason() {
    let mut long = b"PROXY TCP4 ".to_vec();
    long.resize(200, b'1');
    let mut huge = second(1, 0x11, V4);
    huge[14..16].copy_from_slice(&[0xff, 0xff]);
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n"[..], "does not begin with a header"),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
            "does not begin",
        ),
        (b"", "ended within"),
        (b"PROXY TCP4 1.2.3.4 ", "ended within"),
        (&second(1, 0x11, V4)[..20], "ended within"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 49153\r\n", "malformed"),
        (
            b"PROXY TCP4 192.0.2.7 198.51.100.1 49153 443 1\r\n",
            "malformed",
        ),
        (
            b"PROXY TCP4 192.0.2.7 198.51.100.1 +9153 443\r\n",
            "malformed",
        ),
        (
            b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
            "malformed",
        ),
        (b"PROXY TCP4 ::1 ::2 1 2\r\n", "malformed"),
        (b"PROXY TCP5 1.1.1.1 1.1.1.1 1 2\r\n", "malformed"),
        (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 2\n", "none of text"),
        (&long, "line is too long"),
        (&huge, "it is too long"),
        (&second(1, 0x11, &V4[..11]), "too short for its addresses"),
        (&second(1, 0x21, V4), "too short for its addresses"),
        (&second(2, 0x11, V4), "its command is none"),
    ] {
        let said = read_from(&[bytes]).await.0.unwrap_err().to_string();
        assert!(said.contains(expected), "{bytes:?}: {said}");
    }
    let mut third = second(1, 0x11, V4);
    third[12] = 0x31;
    let said = read_from(&[&third]).await.0.unwrap_err().to_string();
    assert!(said.contains("its version is not 2"), "{said}");
}

proptest! {
    #[test]
    fn header_of_any_bytes_breaks_no_reading(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = version_1(&bytes);
        let _ = version_2(&bytes);
        let _ = version_1(&[WORD, &bytes, b"\r\n"].concat());
        let _ = version_2(&[&SIGNATURE[..], &bytes].concat());
    }

    #[test]
    fn addresses_are_read_as_they_were_written(source: SocketAddr, to: IpAddr, port: u16) {
        let destination = SocketAddr::new(to, port);
        prop_assume!(source.is_ipv4() == destination.is_ipv4());
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {} {to} {} {port}\r\n", source.ip(), source.port());
        let source = SocketAddr::new(source.ip(), source.port());
        prop_assert_eq!(version_1(line.as_bytes()).unwrap(), Header::Client { source, destination });
    }
}
