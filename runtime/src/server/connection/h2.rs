//! Owns HTTP/2 on one connection, from its preface to its close: runs hyper on it, says GOAWAY when the server drains, and
//! ends a connection that is idle or misused. One stream is left to `stream`, answering requests to the pipeline.

mod body;
mod collected;
mod stream;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

pub(super) use self::stream::Stream;

use self::collected::Collected;
use self::stream::Watched;
use super::transport::Transport;
use super::{Arrival, Connections, ExchangeState};
use crate::clock;
use crate::server::Pipeline;
use crate::server::facts::Connection;
use crate::server::limits::{
    HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_STREAM_WINDOW_BYTES, MAX_CANCELLED_STREAMS,
    MAX_CONCURRENT_STREAMS, MAX_STREAM_ERRORS,
};
use crate::server::write_timeout::ImpatientStream;
use crate::settings::ServerLimits;

/// The streams of one connection. Hyper gives it a future for each. Clones are the same streams.
#[derive(Clone)]
struct Streams(Rc<Shared>);

struct Shared {
    running: RefCell<JoinSet<Rc<Stream>>>,
    /// The stream whose request the service was given last, and whose future comes next.
    next: Cell<Option<Rc<Stream>>>,
    requests: Cell<u64>,
    cancelled: Cell<u64>,
    /// Since when no stream runs.
    idle_since: Cell<Instant>,
    /// Whether the connection takes no further streams.
    is_closing: Cell<bool>,
}

/// How a connection that waits for its client goes on.
enum Next {
    Wait,
    /// Tell the client that no further stream is taken.
    GoAway,
    Drop,
}

/// Serves `transport` until it is closed.
pub(super) async fn serve<P: Pipeline>(
    worker: Rc<Connections<P>>,
    transport: Transport,
    connection: Connection,
) {
    let limits = &worker.config.limits;
    let streams = Streams::new(clock::now());
    let service = {
        let (worker, streams) = (Rc::clone(&worker), streams.clone());
        service_fn(move |request| answer(Rc::clone(&worker), &streams, request, connection))
    };
    let (timeout, rate) = (limits.write_progress_timeout, limits.min_rate);
    let stream = Collected::new(ImpatientStream::new(transport, timeout, rate));
    let io = TokioIo::new(stream.clone());
    let hyper = protocol(&streams, limits).serve_connection(io, service);
    let mut hyper = pin!(hyper);
    let mut drained = pin!(worker.drain.begun());
    let mut timer = pin!(sleep_until(streams.next_look(limits).into()));
    loop {
        let next = tokio::select! {
            biased;
            () = &mut drained, if !streams.is_closing() => Next::GoAway,
            () = poll_fn(|cx| stream.poll_turn(&mut hyper, cx)) => return,
            ended = streams.ended() => streams.note_end(&ended),
            () = &mut timer => {
                let next = streams.after_wait(limits, clock::now());
                timer.as_mut().reset(streams.next_look(limits).into());
                next
            }
        };
        match next {
            Next::Wait => {}
            Next::GoAway => {
                streams.0.is_closing.set(true);
                hyper.as_mut().graceful_shutdown();
            }
            // Its streams end with it.
            Next::Drop => return,
        }
    }
}

/// Hyper's settings for one connection.
fn protocol(streams: &Streams, limits: &ServerLimits) -> http2::Builder<Streams> {
    let mut protocol = http2::Builder::new(streams.clone());
    let header_bytes = u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX);
    protocol
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(header_bytes)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_local_error_reset_streams(MAX_STREAM_ERRORS);
    protocol
}

fn answer<P: Pipeline>(
    worker: Rc<Connections<P>>,
    streams: &Streams,
    mut request: Request<Incoming>,
    connection: Connection,
) -> impl Future<Output = Result<http::Response<body::StreamBody>, Infallible>> + use<P> {
    let stream = Rc::new(Stream::new(&worker.config.limits));
    streams.begin(Rc::clone(&stream));
    join_cookies(request.headers_mut());
    let arrival = Arrival {
        request,
        connection,
        received: clock::now(),
        exchange: ExchangeState::Http2(Rc::clone(&stream)),
    };
    async move {
        let response = worker.pipeline.answer(arrival).await;
        Ok(body::respond(response, stream))
    }
}

/// Joins the pieces of `Cookie` into one field, as everything behind HTTP/2 expects it (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut pieces = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(second)) = (pieces.next(), pieces.next()) {
        let pieces = [first, second].into_iter().chain(pieces);
        let pieces: Vec<_> = pieces.map(HeaderValue::as_bytes).collect();
        let joined = HeaderValue::from_bytes(&pieces.join(&b"; "[..]));
        headers.insert(COOKIE, joined.expect("the pieces are values of fields"));
    }
}

impl Streams {
    fn new(now: Instant) -> Self {
        Self(Rc::new(Shared {
            running: RefCell::default(),
            next: Cell::default(),
            requests: Cell::default(),
            cancelled: Cell::default(),
            idle_since: Cell::new(now),
            is_closing: Cell::default(),
        }))
    }

    fn begin(&self, stream: Rc<Stream>) {
        self.0.requests.update(|requests| requests + 1);
        self.0.next.set(Some(stream));
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing.get()
    }

    /// Waits for the end of a stream.
    async fn ended(&self) -> Rc<Stream> {
        poll_fn(|cx| {
            let mut running = self.0.running.borrow_mut();
            match running.poll_join_next(cx) {
                Poll::Ready(Some(Ok(stream))) => Poll::Ready(stream),
                // A stream that panicked ends alone.
                Poll::Ready(Some(Err(_))) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                // Streams begin on this task, which then waits for their end again.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// A client that cancels most of its requests makes the server work for nothing (CVE-2023-44487).
    fn note_end(&self, ended: &Stream) -> Next {
        if self.0.running.borrow().is_empty() {
            self.0.idle_since.set(clock::now());
        }
        if ended.was_cancelled() {
            self.0.cancelled.update(|cancelled| cancelled + 1);
        }
        let (cancelled, requests) = (self.0.cancelled.get(), self.0.requests.get());
        if cancelled > MAX_CANCELLED_STREAMS && cancelled > requests / 2 {
            Next::Drop
        } else {
            Next::Wait
        }
    }

    fn after_wait(&self, limits: &ServerLimits, now: Instant) -> Next {
        match self.deadline(limits) {
            Some(deadline) if deadline <= now => {
                if self.is_closing() || self.0.requests.get() == 0 {
                    Next::Drop
                } else {
                    self.0.idle_since.set(now);
                    Next::GoAway
                }
            }
            _ => Next::Wait,
        }
    }

    /// When the connection has waited for too long; `None` while a stream runs.
    fn deadline(&self, limits: &ServerLimits) -> Option<Instant> {
        if !self.0.running.borrow().is_empty() {
            return None;
        }
        let patience = if self.is_closing() {
            // The end of a response may be on its way.
            limits.write_progress_timeout
        } else if self.0.requests.get() == 0 {
            limits.header_timeout
        } else {
            limits.keep_alive_timeout
        };
        Some(self.0.idle_since.get() + patience)
    }

    /// When to look at the deadline again: then, or earlier if by then another one can have passed.
    fn next_look(&self, limits: &ServerLimits) -> Instant {
        let shortest = limits.header_timeout.min(limits.keep_alive_timeout);
        let shortest = clock::now() + shortest;
        self.deadline(limits)
            .map_or(shortest, |deadline| deadline.min(shortest))
    }
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, future: F) {
        // Without a stream it would be a tunnel, and CONNECT is refused.
        if let Some(stream) = self.0.next.take() {
            let watched = Watched::new(future, stream);
            self.0.running.borrow_mut().spawn_local(watched);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_cookie_are_one_field() {
        let mut headers = HeaderMap::new();
        for piece in ["a=1", "b=2; c=3", "d=4"] {
            headers.append(COOKIE, HeaderValue::from_static(piece));
        }
        join_cookies(&mut headers);
        assert_eq!(headers[COOKIE], "a=1; b=2; c=3; d=4");
        assert_eq!(headers.get_all(COOKIE).iter().count(), 1);
    }
}
