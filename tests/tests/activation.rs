//! Promise: a server takes the listening sockets that a service manager keeps for it, and no client is refused while one process
//! follows another.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use terrace_tests::authority::Authority;
use terrace_tests::client::request;
use terrace_tests::contract::exit;
use terrace_tests::process::Ended;
use terrace_tests::raw::{Connection, exchange, statuses};
use terrace_tests::secure::{Secure, http2};
use terrace_tests::wait::{until, within};
use terrace_tests::{App, guest};
use tokio::sync::watch;

/// A request on a connection of its own.
const ASK: &str = "GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";

/// Clients at a time.
const CLIENTS: usize = 20;

fn hello() -> App {
    App::new().component("hello", guest("hello")).route("/...")
}

fn socket() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// How a server ends that does not start from these sockets.
async fn refused(sockets: &[&dyn AsFd], names: &str) -> String {
    refused_by(hello().activated(sockets, names)).await
}

async fn refused_by(app: App) -> String {
    let Ended { code, text } = app.refuse().await;
    assert_eq!(code, Some(exit::FAILED), "{text}");
    assert!(!text.contains("\"ready\""), "{text}");
    text
}

/// Clients that wait at the socket of a process that hangs, is killed and comes back.
#[tokio::test]
async fn clients_that_wait_at_the_socket_are_served_by_the_next_process() {
    let (socket, address) = socket();
    let app = hello().activated(&[&socket], "http");
    drop(socket);
    let first = app.start_beside().await;
    assert_eq!(first.http, url(address));
    assert_eq!(first.get("/").await.status, 200);
    first.process.pause();
    let mut waiting = join_all((0..CLIENTS).map(|_| Connection::open(&first.http))).await;
    for client in &mut waiting {
        client.send(ASK).await;
    }
    first.process.kill();
    let ended = first.process.wait().await;
    assert_eq!(ended.code, None, "it was killed");
    let late = join_all((0..CLIENTS).map(|_| Connection::open(&first.http))).await;
    waiting.extend(late);
    for client in &mut waiting[CLIENTS..] {
        client.send(ASK).await;
    }
    let _second = app.start_beside().await;
    for client in waiting {
        assert_eq!(statuses(&client.read_to_end().await), [200]);
    }
}

#[tokio::test]
async fn a_restart_refuses_nobody() {
    let (socket, address) = socket();
    let app = hello().activated(&[&socket], "http");
    let mut server = app.start_beside().await;
    let (end, ended) = watch::channel(false);
    let clients = (0..4).map(|_| {
        let ended = ended.clone();
        tokio::spawn(async move {
            let mut served = 0;
            while !*ended.borrow() {
                let answer = exchange(&url(address), ASK).await;
                assert_eq!(statuses(&answer), [200], "{answer}");
                served += 1;
            }
            served
        })
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..3 {
        server.process.terminate();
        let ended = server.process.wait().await;
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
        server = app.start_beside().await;
        assert_eq!(server.get("/").await.status, 200);
    }
    end.send(true).unwrap();
    for client in clients {
        assert!(client.await.unwrap() > 3);
    }
}

#[tokio::test]
async fn sockets_are_told_apart_by_name() {
    let [(a, https), (b, admin), (c, http)] = [socket(), socket(), socket()];
    let authority = Authority::new();
    let app = hello().config(
        "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"",
    );
    authority.sign(&["a.example"], "2").write(app.folder(), "a");
    let app = app.activated(&[&a, &b, &c], "https:admin:http");
    let server = app.start().await;
    assert_eq!([&server.http, &server.admin], [&url(http), &url(admin)]);
    assert_eq!(server.https(), format!("https://{https}"));
    assert_eq!(server.get("/").await.status, 200);
    assert_eq!(server.admin("/readyz").await.status, 200);
    let stream = Secure::new(&authority, &["h2"]);
    let stream = stream.connect(server.https(), "a.example").await.unwrap();
    let ask = request(Method::GET, "https://a.example/", &[], Bytes::new());
    let response = http2(stream).await.send_request(ask).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// systemd gives a socket without a name that of its unit.
#[tokio::test]
async fn a_socket_without_a_name_is_found_by_its_address() {
    for names in ["", "terrace@a.socket"] {
        let (socket, address) = socket();
        let app = hello().activated(&[&socket], names);
        let server = app.at(&address.to_string()).start().await;
        assert_eq!(server.http, url(address));
        assert_eq!(server.get("/").await.status, 200);
    }
}

#[tokio::test]
async fn nothing_is_bound_in_the_place_of_a_socket_that_is_passed() {
    let (_taken, elsewhere) = socket();
    let (socket, address) = socket();
    let app = hello().activated(&[&socket], "http");
    let server = app.at(&elsewhere.to_string()).start().await;
    assert_eq!(server.http, url(address));
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn an_edge_takes_its_sockets_too() {
    let node = hello().start().await;
    let (http, address) = socket();
    let (admin, admin_address) = socket();
    let edge = App::edge(&node.http).activated(&[&admin, &http], "admin:http");
    let edge = edge.start().await;
    assert_eq!(
        [&edge.http, &edge.admin],
        [&url(address), &url(admin_address)]
    );
    assert_eq!(edge.get("/").await.status, 200);
    assert_eq!(edge.admin("/readyz").await.status, 200);
}

/// The socket for clients is passed to both, that of the admin listener is handed over.
#[tokio::test]
async fn a_server_with_sockets_that_are_passed_is_taken_over() {
    let (socket, address) = socket();
    let server = hello().activated(&[&socket], "http").start().await;
    let admin = server.admin.clone();
    let (successor, ended) = server.succeed().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!([&successor.http, &successor.admin], [&url(address), &admin]);
    assert_eq!(successor.get("/").await.status, 200);
    assert_eq!(successor.admin("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_service_manager_hears_of_a_server_with_its_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let told = tokio::net::UnixDatagram::bind(&path).unwrap();
    let (socket, address) = socket();
    let app = hello().activated(&[&socket], "http");
    let app = app.environment("NOTIFY_SOCKET", path.to_str().unwrap());
    let server = app.start().await;
    let mut message = [0; 64];
    let length = within("a message", told.recv(&mut message)).await.unwrap();
    assert_eq!(&message[..length], b"READY=1\n");
    assert_eq!(server.http, url(address));
}

#[tokio::test]
async fn sockets_of_another_process_are_not_taken() {
    let (socket, address) = socket();
    let app = hello().activated(&[&socket], "http");
    let server = app.environment("LISTEN_PID", "1").start().await;
    assert_ne!(server.http, url(address));
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn what_is_no_listening_socket_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let no_socket = File::open("/dev/null").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = UnixListener::bind(folder.path().join("a.sock")).unwrap();
    let (socket, address) = socket();
    let connected = std::net::TcpStream::connect(address).unwrap();
    let others: [&dyn AsFd; 4] = [&no_socket, &datagrams, &local, &connected];
    for other in others {
        let said = refused(&[&socket, other], "http:admin").await;
        let expected = "descriptor 4 should be a TCP socket that listens";
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn numbers_and_names_that_do_not_fit_are_refused() {
    let (http, address) = socket();
    let (other, _) = socket();
    for number in ["0", "4", "two", "99999999999"] {
        let app = hello().activated(&[&http], "http");
        let said = refused_by(app.environment("LISTEN_FDS", number)).await;
        let expected = format!("`LISTEN_FDS` is `{number}`");
        assert!(said.contains(&expected), "{said}");
    }
    let said = refused(&[&http], "metrics").await;
    assert!(said.contains("a socket has the name `metrics`"), "{said}");
    let said = refused(&[&http, &other], "http").await;
    assert!(said.contains("has 1 names"), "{said}");
    let said = refused(&[&http, &other], "http:http").await;
    assert!(said.contains("two sockets are for `http`"), "{said}");
    let said = refused(&[&http], "https").await;
    assert!(said.contains("is for `https`"), "{said}");
    let said = refused(&[&http], "").await;
    let expected = format!("a socket listens on {address}");
    assert!(said.contains(&expected), "{said}");
    // Fewer than it was told of.
    let app = hello().activated(&[&http], "");
    let said = refused_by(app.environment("LISTEN_FDS", "2")).await;
    assert!(said.contains("descriptor 4 should be"), "{said}");
}

#[tokio::test]
async fn commands_that_build_the_app_do_not_inherit_the_sockets() {
    let (socket, _) = socket();
    let command = "env > seen; readlink /proc/$$/fd/3 >> seen; true";
    let app = hello().section(&format!("[component.hello.build]\ncommand = {command:?}"));
    let app = app.activated(&[&socket], "http").arguments(&["--build"]);
    let server = app.start().await;
    let seen = until("what the command has seen", async || {
        std::fs::read_to_string(server.app().folder().join("seen")).ok()
    });
    let seen = seen.await;
    assert!(seen.contains("PATH="), "{seen}");
    assert!(
        !seen.contains("LISTEN_") && !seen.contains("socket:"),
        "{seen}"
    );
    assert_eq!(server.get("/").await.status, 200);
}
