//! The client against servers that misbehave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;

use bytes::Bytes;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;

use super::*;

mod pools;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that gives each connection the answers of one list, and closes it where the list ends.
struct Scripted {
    address: SocketAddr,
    connections: JoinHandle<Vec<usize>>,
}

impl Scripted {
    fn start(connections: &'static [&'static [&'static str]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = std::thread::spawn(move || {
            let serve =
                |answers: &&'static [&'static str]| answer(listener.accept().unwrap().0, answers);
            connections.iter().map(serve).collect()
        });
        Self {
            address,
            connections,
        }
    }

    fn request(&self, method: Method) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method);
        let request = request.uri(format!("http://{}/", self.address));
        request.body(Full::default()).unwrap()
    }

    /// How many requests came over each connection.
    fn requests(self) -> Vec<usize> {
        self.connections.join().unwrap()
    }
}

/// Answers each request on a connection; closes it instead of an answer that is empty. How many requests came.
fn answer(mut stream: TcpStream, answers: &[&str]) -> usize {
    let mut requests = 0;
    for answer in answers {
        if !read_head(&mut stream) {
            break;
        }
        requests += 1;
        if answer.is_empty() {
            break;
        }
        stream.write_all(answer.as_bytes()).unwrap();
    }
    requests
}

fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return false;
        }
        head.push(byte[0]);
    }
    true
}

fn timeouts(first_byte: Duration, between_bytes: Duration) -> Timeouts {
    Timeouts {
        connect: Duration::ZERO,
        first_byte,
        between_bytes,
        deadline: None,
    }
}

fn client() -> Client<Full<Bytes>> {
    Client::new(Connector::new(LONG), Protocols::Http1)
}

/// Sends a request and reads the answer to its end.
async fn call(
    client: &Client<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Bytes, ClientError> {
    let response = client.send(request, timeouts(LONG, LONG)).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let server = Scripted::start(&[&[OK, OK]]);
    let client = client();
    for _ in 0..2 {
        assert_eq!(
            call(&client, server.request(Method::GET)).await.unwrap(),
            "ok"
        );
    }
    assert_eq!(server.requests(), [2]);
}

/// RFC 9110 §9.2.2: a request that is idempotent may be sent again when a kept connection turns out closed.
#[tokio::test]
async fn an_idempotent_request_that_met_a_closing_connection_is_sent_once_more() {
    let server = Scripted::start(&[&[OK, ""], &[OK]]);
    let client = client();
    for _ in 0..2 {
        assert_eq!(
            call(&client, server.request(Method::GET)).await.unwrap(),
            "ok"
        );
    }
    assert_eq!(server.requests(), [2, 1]);
}

#[tokio::test]
async fn a_request_that_is_not_idempotent_is_not_repeated() {
    let server = Scripted::start(&[&[OK, ""]]);
    let client = client();
    call(&client, server.request(Method::GET)).await.unwrap();
    let failure = call(&client, server.request(Method::POST)).await;
    assert_eq!(failure, Err(ClientError::ConnectionTerminated));
    assert_eq!(server.requests(), [2]);
}

/// The server closes as soon as it has answered, and is gone by the time of the second request.
#[tokio::test]
async fn a_connection_that_was_closed_is_not_met_by_what_cannot_be_repeated() {
    let server = Scripted::start(&[&[OK]]);
    let client = client();
    call(&client, server.request(Method::POST)).await.unwrap();
    let again = server.request(Method::POST);
    assert_eq!(server.requests(), [1]);
    // A turn of the reactor sees that the connection is closed.
    tokio::task::yield_now().await;
    let failure = call(&client, again).await;
    assert_eq!(failure, Err(ClientError::ConnectionRefused));
}

/// Content that comes when a test sends it.
struct Late(oneshot::Receiver<Bytes>);

impl Body for Late {
    type Data = Bytes;
    type Error = oneshot::error::RecvError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.0.is_terminated() {
            return Poll::Ready(None);
        }
        let content = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(Some(content.map(Frame::data)))
    }
}

/// RFC 9110 §9.2.2: PUT is idempotent, and all of its content is still there.
#[tokio::test]
async fn content_that_was_not_begun_is_sent_over_another_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, content) = oneshot::channel();
    let server = std::thread::spawn(move || {
        assert_eq!(answer(listener.accept().unwrap().0, &[OK, ""]), 2);
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        sender.send(Bytes::from_static(b"late")).unwrap();
        let mut chunks = [0; 14];
        stream.read_exact(&mut chunks).unwrap();
        stream.write_all(OK.as_bytes()).unwrap();
        chunks
    });
    let client = Client::new(Connector::new(LONG), Protocols::Http1);
    let (sent, empty) = oneshot::channel();
    sent.send(Bytes::new()).unwrap();
    for content in [empty, content] {
        let put = Request::put(format!("http://{address}/")).body(Late(content));
        let response = client.send(put.unwrap(), timeouts(LONG, LONG)).await;
        let content = response.unwrap().into_body().collect().await;
        assert_eq!(content.unwrap().to_bytes(), "ok");
    }
    assert_eq!(&server.join().unwrap(), b"4\r\nlate\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_new_connection_that_closes_is_an_answer_of_its_own() {
    let server = Scripted::start(&[&[""]]);
    let failure = call(&client(), server.request(Method::GET)).await;
    assert_eq!(failure, Err(ClientError::ConnectionTerminated));
    assert_eq!(server.requests(), [1]);
}

#[tokio::test]
async fn content_that_breaks_off_is_incomplete() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    ] {
        let answers: &'static [&'static [&'static str]] = Vec::leak(vec![&*Vec::leak(vec![cut])]);
        let server = Scripted::start(answers);
        let failure = call(&client(), server.request(Method::GET)).await;
        assert_eq!(failure, Err(ClientError::ResponseIncomplete), "{cut}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_protocol_error() {
    for nonsense in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ] {
        let answers: &'static [&'static [&'static str]] =
            Vec::leak(vec![&*Vec::leak(vec![nonsense])]);
        let server = Scripted::start(answers);
        let failure = call(&client(), server.request(Method::GET)).await;
        assert_eq!(failure, Err(ClientError::HttpProtocolError), "{nonsense}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let request = Request::get(format!("http://{address}/")).body(Full::default());
    let failure = call(&client(), request.unwrap()).await;
    assert_eq!(failure, Err(ClientError::ConnectionRefused));
}

/// How a request fails to a name that is resolved like this.
async fn resolved_by(lookup: connector::Lookup, timeout: Duration) -> ClientError {
    let connector = Connector {
        lookup,
        ..Connector::new(timeout)
    };
    let request = Request::get("http://name.test/").body(Full::default());
    let client = Client::new(connector, Protocols::Http1);
    call(&client, request.unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn a_name_without_an_address_is_told_as_such() {
    let failing: connector::Lookup = |_, _| Box::pin(async { Err(std::io::Error::other("no")) });
    assert_eq!(resolved_by(failing, LONG).await, ClientError::DnsError);
    let empty: connector::Lookup = |_, _| Box::pin(async { Ok(Vec::new()) });
    assert_eq!(resolved_by(empty, LONG).await, ClientError::DnsError);
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_is_given_up() {
    let silent: connector::Lookup = |_, _| Box::pin(std::future::pending());
    let failure = resolved_by(silent, SHORT).await;
    assert_eq!(failure, ClientError::ConnectionTimeout);
}

/// Of two addresses of one name, the one that is not allowed is not tried.
#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    static LOOKUPS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || answer(listener.accept().unwrap().0, &[OK]));
    let lookup: connector::Lookup = |_, port| {
        // A second look-up would find another address.
        let turn = LOOKUPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let last = if turn == 0 { 1 } else { 2 };
        let addresses = vec![
            ([192, 0, 2, 1], port).into(),
            ([127, 0, 0, last], port).into(),
        ];
        Box::pin(async { Ok(addresses) })
    };
    let judge = |_: &http::Uri, address: SocketAddr| match address.ip().is_loopback() {
        true => Ok(()),
        false => Err(ConnectError::Denied),
    };
    let connector = Connector {
        lookup,
        judge: Some(std::sync::Arc::new(judge)),
        ..Connector::new(LONG)
    };
    let client = Client::new(connector, Protocols::Http1);
    let request = Request::get(format!("http://name.test:{port}/")).body(Full::default());
    assert_eq!(call(&client, request.unwrap()).await.unwrap(), "ok");
    let denied = Request::get("http://192.0.2.1/").body(Full::default());
    let denied = call(&client, denied.unwrap()).await;
    assert_eq!(denied, Err(ClientError::Denied));
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(OK.as_bytes()));
    let request = Request::get(format!("https://{address}/")).body(Full::default());
    let failure = call(&client(), request.unwrap()).await;
    assert_eq!(failure, Err(ClientError::TlsProtocolError));
}

/// A server that takes a connection, says `begun`, and then nothing more for as long as the test runs.
fn silent_after(begun: &'static str) -> (SocketAddr, std::sync::mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        stream.write_all(begun.as_bytes()).unwrap();
        let _ = ended.recv();
    });
    (address, end)
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (address, _end) = silent_after("");
    let request = Request::get(format!("http://{address}/")).body(Full::default());
    let response = client().send(request.unwrap(), timeouts(SHORT, LONG)).await;
    assert_eq!(response.map(drop), Err(ClientError::ResponseTimeout));
}

#[tokio::test]
async fn a_response_that_stands_still_is_given_up() {
    let (address, _end) = silent_after("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok");
    let request = Request::get(format!("http://{address}/")).body(Full::default());
    let response = client().send(request.unwrap(), timeouts(LONG, SHORT)).await;
    let content = response.unwrap().into_body().collect().await;
    assert_eq!(content.map(drop), Err(ClientError::ResponseTimeout));
}
