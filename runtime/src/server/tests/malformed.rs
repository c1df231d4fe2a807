//! Heads and contents that two servers may read differently: answered with 400, and nothing after them is read.

use super::echo_server;

/// Sends `request` with another one behind it, and says how each was answered.
fn statuses(request: &str) -> Vec<u16> {
    let server = echo_server();
    let mut client = server.connect();
    client
        .send(request)
        .send_what_is_taken(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    let replies = client.rest();
    assert!(!replies.contains("/smuggled"), "{request:?}: {replies}");
    let starts = replies.match_indices("HTTP/1.1 ");
    starts
        .map(|(start, _)| replies[start + 9..start + 12].parse().unwrap())
        .collect()
}

#[test]
fn shapes_of_request_smuggling_are_answered_with_400_and_close() {
    for request in [
        // Two statements about the length (RFC 9112 §6.3).
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        // Lengths that are not numbers.
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        // Codings of which the last is not chunked, or that HTTP/1.0 does not have (§6.1).
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // Lines that are not fields (§5.1, §5.2).
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nnot a field\r\n\r\n",
        // Targets and hosts (§3.2).
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?a=<b> HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?a=\"b\" HTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        // Chunks (§7.1).
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ] {
        assert_eq!(statuses(request), [400], "{request:?}");
    }
}

#[test]
fn every_refusal_of_a_head_is_problem_details() {
    for request in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /?a=<b> HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let server = echo_server();
        let mut client = server.connect();
        let reply = client.send(request).reply();
        assert!(
            reply
                .head
                .contains("content-type: application/problem+json"),
            "{}",
            reply.head
        );
        assert!(
            reply.content.contains("urn:terrace:problem:bad-request"),
            "{}",
            reply.content
        );
        assert!(reply.head.contains("\r\ndate: "), "{}", reply.head);
        server.await_metric("terrace_failures_total{component=\"\",failure=\"bad-request\"} 1");
    }
}

#[test]
fn a_good_request_before_a_bad_one_is_answered() {
    let server = echo_server();
    let mut client = server.connect();
    client.send("POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcnonsense\r\n\r\n");
    let (good, bad) = (client.reply(), client.reply());
    assert_eq!((good.status, bad.status), (200, 400));
    assert!(good.content.contains("/good"), "{}", good.content);
    assert_eq!(client.rest(), "");
}

#[test]
fn what_follows_the_last_request_of_a_connection_is_not_answered() {
    let server = echo_server();
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nnonsense\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    assert_eq!(client.rest(), "");
}

#[test]
fn requests_in_every_allowed_shape_are_served() {
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:a\r\nEmpty:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n",
    ] {
        let server = echo_server();
        let mut client = server.connect();
        let (first, second) = (client.send(request).reply(), client.get("/next"));
        assert_eq!((first.status, second.status), (200, 200), "{request:?}");
    }
}

#[test]
fn a_head_in_single_bytes_is_served() {
    let server = echo_server();
    let mut client = server.connect();
    for byte in
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    {
        client.send([*byte]);
    }
    assert!(client.reply().content.ends_with('a'));
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = echo_server();
    let mut client = server.connect();
    let one =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    client.send(one("/1") + &one("/2") + &one("/3"));
    for path in ["/1", "/2", "/3"] {
        assert!(client.reply().content.contains(path));
    }
}

#[test]
fn tunnels_and_traces_are_refused() {
    let server = echo_server();
    for request in [
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let reply = server.connect().send(request).reply();
        assert_eq!(reply.status, 405);
        assert!(reply.head.contains("allow: get, head"), "{}", reply.head);
    }
}

#[test]
fn a_coding_besides_chunked_is_not_implemented() {
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(statuses(request), [501]);
}

#[test]
fn a_target_of_https_is_not_believed_on_a_connection_without_tls() {
    let server = echo_server();
    let mut client = server.connect();
    client.send("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 421);
    assert!(reply.content.contains("misdirected"), "{}", reply.content);
}
