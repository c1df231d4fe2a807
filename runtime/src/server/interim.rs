//! Owns interim responses (RFC 9110 §15.2) on their way from the inner service to a client. Hyper sends none but 100, so
//! the socket writes them itself, while hyper has nothing to write. When that is, is the socket's to know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use bytes::{Bytes, BytesMut};
use futures::task::AtomicWaker;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

use super::limits::MAX_INTERIM_BYTES;
use super::sanitise::remove_hop_by_hop;

/// The interim responses of one connection, shared by its socket and by the request that is being answered.
#[derive(Debug, Default)]
pub(crate) struct Interim {
    /// Whether a request is waiting for its response, from a client that knows interim ones.
    is_open: AtomicBool,
    pending: Mutex<BytesMut>,
    /// Looked at for each write, so that the lock is taken only where there is something.
    any: AtomicBool,
    connection: AtomicWaker,
}

impl Interim {
    /// Notes that a request waits for its response, to which interim ones can be sent if `is_known` to its client.
    pub(crate) fn open(&self, is_known: bool) {
        self.is_open.store(is_known, Ordering::Relaxed);
    }

    /// Notes that the response begins. What has been sent by now still goes before it.
    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    /// Has an interim response sent. One that comes too late or is too much is left out, as a client must expect.
    pub(crate) fn send(&self, status: StatusCode, headers: &HeaderMap) {
        if !self.is_open.load(Ordering::Relaxed) {
            return;
        }
        let head = encode(status, headers);
        let mut pending = self.pending.lock();
        if pending.len() + head.len() <= MAX_INTERIM_BYTES {
            pending.extend_from_slice(&head);
            self.any.store(true, Ordering::Release);
            self.connection.wake();
        }
    }

    /// What is to be written now, if anything; has `waker` woken when there is more.
    pub(crate) fn take(&self, waker: &Waker) -> Option<Bytes> {
        if self.is_open.load(Ordering::Relaxed) {
            self.connection.register(waker);
        }
        let any = self.any.swap(false, Ordering::Acquire);
        any.then(|| self.pending.lock().split().freeze())
    }
}

fn encode(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    let mut head = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints() -> HeaderMap {
        let fields = [
            ("link", "</a.css>"),
            ("connection", "x-own"),
            ("x-own", "1"),
        ];
        let fields = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        HeaderMap::from_iter::<[(http::HeaderName, http::HeaderValue); 3]>(fields)
    }

    #[test]
    fn only_a_request_that_waits_is_sent_interim_responses() {
        let interim = Interim::default();
        let send = || interim.send(StatusCode::EARLY_HINTS, &hints());
        send();
        assert_eq!(interim.take(Waker::noop()), None);
        interim.open(true);
        send();
        let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
        assert_eq!(interim.take(Waker::noop()).unwrap(), expected);
        send();
        interim.close();
        send();
        assert_eq!(
            interim.take(Waker::noop()).unwrap(),
            expected,
            "sent before the response"
        );
        interim.open(false);
        send();
        assert_eq!(interim.take(Waker::noop()), None);
    }

    #[test]
    fn a_flood_of_interim_responses_is_left_out() {
        let interim = Interim::default();
        interim.open(true);
        let one = encode(StatusCode::EARLY_HINTS, &hints()).len();
        for _ in 0..=MAX_INTERIM_BYTES / one {
            interim.send(StatusCode::EARLY_HINTS, &hints());
        }
        let sent = interim.take(Waker::noop()).unwrap().len();
        assert_eq!(sent, MAX_INTERIM_BYTES / one * one);
    }
}
