//! What the guest is told about a request, and what of it the client may choose.

use super::{ServerLimits, TestServer, echo, echo_server};

const FORGED: &str = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\nX-Request-Id: chosen\r\n\
    Spin-Full-Url: http://forged/\r\n\r\n";

#[test]
fn a_stranger_chooses_neither_its_address_nor_its_id() {
    let reply = echo_server().connect().send(FORGED).reply();
    assert!(
        reply.content.starts_with("client: 127.0.0.1:"),
        "{}",
        reply.content
    );
    for forged in ["198.51.100.1", "chosen", "forged"] {
        assert!(!reply.content.contains(forged), "{}", reply.content);
    }
}

#[test]
fn a_trusted_proxy_names_the_client_and_the_id() {
    let server = TestServer::start(ServerLimits::standard(), &["127.0.0.0/8"], echo);
    let reply = server.connect().send(FORGED).reply();
    assert!(
        reply.content.starts_with("client: 198.51.100.1:0\n"),
        "{}",
        reply.content
    );
    assert!(
        reply.head.contains("x-request-id: chosen\r\n"),
        "{}",
        reply.head
    );
    assert!(!reply.content.contains("spin-"), "{}", reply.content);
}

#[test]
fn client_and_guest_see_the_same_id_and_every_request_another_one() {
    let server = echo_server();
    let mut client = server.connect();
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let reply = client.get("/");
            let id = reply
                .head
                .lines()
                .find_map(|line| line.strip_prefix("x-request-id: "))
                .unwrap();
            assert!(
                reply.content.contains(&format!("x-request-id: {id}\n")),
                "{}",
                reply.content
            );
            id.to_owned()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn the_trace_goes_on_to_the_guest() {
    let reply = echo_server()
        .connect()
        .send("GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n")
        .reply();
    assert!(
        reply
            .content
            .contains("traceparent: 00-0af7651916cd43dd8448eb211c80319c-"),
        "{}",
        reply.content
    );
    assert!(
        !reply.content.contains("b7ad6b7169203331"),
        "{}",
        reply.content
    );
}
