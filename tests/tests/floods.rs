//! Promise: a client of HTTP/2 that floods its connection with frames is slowed down or cut off; others are served meanwhile, and the
//! server's memory stays as it is.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use terrace_tests::client::{Content, request, whole};
use terrace_tests::secure::{self, ask, http2};
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::within;
use terrace_tests::{App, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Types of frames and flags (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET /`, `http`, for `a.example`, as HPACK writes it (RFC 7541).
const HEAD: &[u8] = b"\x82\x84\x86\x41\x09a.example";

/// `POST /` of the same.
const POST: &[u8] = b"\x83\x84\x86\x41\x09a.example";

/// Bytes that a client tries to send.
const FLOOD_BYTES: usize = 32 << 20;

/// Bytes that the server's memory may grow by for one connection: its buffers, and what the allocator keeps.
const GROWTH_BYTES: u64 = 24 << 20;

/// The time after which a client that cannot write has been slowed down.
const BLOCKED: Duration = Duration::from_secs(1);

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a frame is short");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

async fn edge() -> (Upstream, Running) {
    edge_of(Upstream::answering(async |request| Response::new(answer(&request))).await).await
}

async fn edge_of(origin: Upstream) -> (Upstream, Running) {
    let edge = App::edge(&origin.url).config("[listen]\nh2c = true\n[cache]\nmemory = \"off\"");
    (origin, edge.start().await)
}

fn answer(request: &Request<Incoming>) -> Content {
    whole(vec![b'x'; request.uri().path().len()])
}

/// A connection after its preface (RFC 9113 §3.4).
async fn begun(edge: &Running) -> TcpStream {
    let mut stream = secure::connect(&edge.http).await;
    let preface = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, b""),
    ];
    let written = stream.write_all(&preface.concat()).await;
    written.expect("the server listens");
    stream
}

/// Sends pieces without reading, until all is sent, nothing is taken any more, or the connection is cut.
fn flood(
    mut stream: TcpStream,
    mut piece: impl FnMut(u32) -> Vec<u8> + Send + 'static,
) -> JoinHandle<TcpStream> {
    tokio::spawn(async move {
        let (mut sent, mut number) = (0, 0);
        while sent < FLOOD_BYTES {
            let mut bytes = Vec::new();
            while bytes.len() < 16 << 10 {
                bytes.extend(piece(number));
                number += 1;
            }
            match timeout(BLOCKED, stream.write_all(&bytes)).await {
                Ok(Ok(())) => sent += bytes.len(),
                // Nothing is taken any more, or the connection is cut.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        stream
    })
}

/// Has a client flood the server, and another one be served meanwhile.
async fn others_are_served(what: &str, piece: impl FnMut(u32) -> Vec<u8> + Send + 'static) {
    let (_origin, edge) = edge().await;
    let mut other = http2(secure::connect(&edge.http).await).await;
    let get = || request(Method::GET, "http://a.example/", &[], Bytes::new());
    assert_eq!(ask(&mut other, get()).await.status, 200);
    let before = edge.process.memory();
    let flooding = flood(begun(&edge).await, piece);
    let mut most = before;
    while !flooding.is_finished() {
        let answer = ask(&mut other, get()).await;
        assert_eq!(answer.status, 200, "{what}");
        most = most.max(edge.process.memory());
    }
    let _stream = within("the flood", flooding).await.expect("no panic");
    assert_eq!(ask(&mut other, get()).await.status, 200, "{what}");
    assert_eq!(edge.get("/").await.status, 200, "{what}");
    let grown = most.max(edge.process.memory()).saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "{what}: {grown} bytes");
}

#[tokio::test]
async fn floods_of_control_frames_cost_nobody_else() {
    let settings = [0, 3, 0, 0, 0, 100];
    others_are_served("SETTINGS", move |_| frame(SETTINGS, 0, 0, &settings)).await;
    others_are_served("PING", |_| frame(PING, 0, 0, &[7; 8])).await;
    others_are_served("PRIORITY", |number| {
        frame(PRIORITY, 0, number * 2 + 1, &[0, 0, 0, 0, 1])
    })
    .await;
    others_are_served("WINDOW_UPDATE", |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
    })
    .await;
    others_are_served("an unknown frame", |_| frame(0xee, 0, 0, b"unknown")).await;
}

#[tokio::test]
async fn floods_of_header_fields_cost_nobody_else() {
    // A head that never ends (CVE-2024-27316).
    others_are_served("CONTINUATION", |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, HEAD),
        _ => frame(CONTINUATION, 0, 1, b"\x40\x01x\x01y"),
    })
    .await;
    others_are_served("empty CONTINUATION", |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, HEAD),
        _ => frame(CONTINUATION, 0, 1, b""),
    })
    .await;
    // A field of 4000 bytes that each byte after it repeats (CVE-2016-6581).
    let mut bomb = HEAD.to_vec();
    bomb.extend(b"\x40\x01x\x7f\xa1\x1e");
    bomb.extend([b'v'; 4000]);
    bomb.extend([0xbe; 12_000]);
    others_are_served("a header bomb", move |number| {
        let flags = END_STREAM | END_HEADERS;
        frame(HEADERS, flags, number * 2 + 1, &bomb)
    })
    .await;
}

#[tokio::test]
async fn floods_of_streams_cost_nobody_else() {
    // CVE-2023-44487.
    others_are_served("rapid reset", |number| {
        let stream = number * 2 + 1;
        let mut both = frame(HEADERS, END_STREAM | END_HEADERS, stream, HEAD);
        both.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        both
    })
    .await;
    others_are_served("streams that are never ended", |number| {
        frame(HEADERS, END_HEADERS, number * 2 + 1, POST)
    })
    .await;
    others_are_served("responses that nobody reads", |number| {
        frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, HEAD)
    })
    .await;
    others_are_served("empty DATA", |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, POST),
        _ => frame(DATA, 0, 1, b""),
    })
    .await;
}

/// RFC 9113 §5.1.2: what is beyond the limit is refused, and the streams within it go on.
#[tokio::test]
async fn streams_beyond_the_limit_of_a_connection_are_refused_alone() {
    // A response that comes before the request has ended would end its stream.
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        let answer = answer(&request);
        let _ended = request.into_body().collect().await;
        Response::new(answer)
    });
    let (_origin, edge) = edge_of(origin.await).await;
    let mut stream = begun(&edge).await;
    let open: Vec<u8> = (0..120)
        .flat_map(|number| frame(HEADERS, END_HEADERS, number * 2 + 1, POST))
        .collect();
    stream.write_all(&open).await.unwrap();
    let mut refused = Vec::new();
    let (mut is_sent, mut ended) = (false, false);
    let reading = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut content = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut content).await.unwrap();
            let of = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match head[3] {
                // REFUSED_STREAM (RFC 9113 §7)
                RST_STREAM if content == [0, 0, 0, 7] => refused.push(of),
                RST_STREAM => panic!("stream {of} is reset: {content:?}"),
                HEADERS if of == 1 => ended = true,
                _ => {}
            }
            if refused.len() == 20 && !is_sent {
                // One of the others is ended, and answered.
                is_sent = true;
                let end = frame(DATA, END_STREAM, 1, b"");
                stream.write_all(&end).await.unwrap();
            }
            if ended {
                break;
            }
        }
    };
    within("refusals and an answer", reading).await;
    let expected: Vec<u32> = (100..120).map(|number| number * 2 + 1).collect();
    assert_eq!(refused, expected);
    assert_eq!(edge.get("/").await.status, 200);
}
