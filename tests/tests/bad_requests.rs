//! Promise: malformed, ambiguous and half-sent requests are refused and disturb nobody.

use terrace_tests::contract::failure;
use terrace_tests::raw::{Connection, exchange, statuses};
use terrace_tests::{App, guest};

/// Requests that two servers in a row could read as different ones (RFC 9112 §11.2). Each is refused, and nothing
/// after it on its connection is taken for a request.
#[tokio::test]
async fn requests_of_ambiguous_length_are_refused() {
    let app = App::of("faults-p3").start().await;
    let smuggled = "GET /status/418 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let ambiguous = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "Content-Length: 4, 5\r\n\r\nabcde",
        "Content-Length: +4\r\n\r\nabcd",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 0x4\r\n\r\nabcd",
        "Content-Length: 99999999999999999999\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    ];
    for fields in ambiguous {
        let text = exchange(
            &app.http,
            format!("POST /length HTTP/1.1\r\nHost: a\r\n{fields}{smuggled}"),
        )
        .await;
        let statuses = statuses(&text);
        assert!(
            statuses == [400] || statuses == [501] || statuses == [413],
            "{fields:?} gave {text}"
        );
    }
}

#[tokio::test]
async fn malformed_heads_are_refused() {
    let app = App::of("faults-p3").start().await;
    let malformed = [
        "GET /ok HTTP/1.1\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://b/ok HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: a\r\nx y: 1\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: a\r\nx: \u{0}\r\n\r\n",
        "GET /o k HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ok HTTP/9.9\r\nHost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "hello\r\n\r\n",
    ];
    for request in malformed {
        let mut connection = Connection::open(&app.http).await;
        connection.send(request).await;
        connection.finish_sending().await;
        let text = connection.read_to_end().await;
        let refused = statuses(&text)
            .iter()
            .all(|status| [400, 505].contains(status));
        assert!(refused, "{request:?} gave {text}");
    }
    app.get("/ok").await.expect(200);
}

#[tokio::test]
async fn half_a_request_does_not_disturb_others() {
    let app = App::of("faults-p3").start().await;
    let halves = [
        "GET /ok HT",
        "GET /ok HTTP/1.1\r\nHost: a\r\n",
        "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    ];
    for half in halves {
        let mut connection = Connection::open(&app.http).await;
        connection.send(half).await;
        connection.finish_sending().await;
        let statuses = statuses(&connection.read_to_end().await);
        assert!(
            !statuses.contains(&200),
            "{half:?} was taken for a whole request"
        );
        app.get("/ok").await.expect(200);
    }
}

#[tokio::test]
async fn a_slow_head_is_given_up() {
    let app = App::of("faults-p3")
        .config("[limits]\nheader_timeout = \"300ms\"")
        .start()
        .await;
    let mut connection = Connection::open(&app.http).await;
    connection.send("GET /ok HTTP/1.1\r\n").await;
    let statuses = statuses(&connection.read_to_end().await);
    assert!(statuses.is_empty() || statuses == [408], "{statuses:?}");
}

#[tokio::test]
async fn an_unknown_path_is_told_as_a_problem() {
    let app = App::new()
        .component("a", guest("faults-p3"))
        .route("/a")
        .start()
        .await;
    app.get("/b").await.expect_problem(404, failure::NO_ROUTE);
}

/// A function with a route for everything tells deliveries from requests by their host.
#[tokio::test]
async fn a_client_cannot_say_that_it_is_a_queue() {
    let app = App::of("faults-p3").start().await;
    for head in [
        "POST / HTTP/1.1\r\nHost: mail.queue.internal\r\n",
        "POST / HTTP/1.1\r\nHost: MAIL.Queue.internal:80\r\n",
        "POST / HTTP/1.1\r\nHost: mail.queue.internal.\r\n",
        "POST http://mail.queue.internal/ HTTP/1.1\r\nHost: mail.queue.internal\r\n",
    ] {
        let text = exchange(
            &app.http,
            format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n"),
        );
        let text = text.await;
        assert_eq!(statuses(&text), [400], "{head:?} gave {text}");
    }
    let other = "GET /status/200 HTTP/1.1\r\nHost: queue.example\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&exchange(&app.http, other).await), [200]);
}
