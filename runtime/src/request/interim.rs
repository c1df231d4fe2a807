//! Owns the interim responses (RFC 9110 §15.2) of one request between whoever has them and the connection of its client.
//! Writing them between hyper's bytes is left to the connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

use super::limits::MAX_INTERIM_BYTES;

/// The interim responses of one request. Closed until it is opened by the server.
#[derive(Debug, Default)]
pub struct Interim {
    /// Whether the client waits for its response and knows interim ones.
    is_open: AtomicBool,
    pending: Mutex<Pending>,
    /// Looked at for each write, so that the lock is taken only where there is something.
    any: AtomicBool,
    connection: AtomicWaker,
}

#[derive(Debug, Default)]
struct Pending {
    responses: Vec<(StatusCode, HeaderMap)>,
    bytes: usize,
}

impl Interim {
    /// Notes that the client waits for its response, and that interim ones can be sent until then.
    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Notes that the response begins. Interim responses sent by now still go before it.
    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    /// Sends an interim response. One that comes too late or is too large is left out, which clients must expect.
    pub fn send(&self, status: StatusCode, headers: HeaderMap) {
        if !self.is_open.load(Ordering::Relaxed) {
            return;
        }
        let bytes = size(&headers);
        let mut pending = self.pending.lock();
        if pending.bytes + bytes <= MAX_INTERIM_BYTES {
            pending.bytes += bytes;
            pending.responses.push((status, headers));
            self.any.store(true, Ordering::Release);
            self.connection.wake();
        }
    }

    /// The responses to write now; wakes `waker` when there are more.
    pub(crate) fn take(&self, waker: &Waker) -> Vec<(StatusCode, HeaderMap)> {
        if self.is_open.load(Ordering::Relaxed) {
            self.connection.register(waker);
        }
        if self.any.swap(false, Ordering::Acquire) {
            std::mem::take(&mut *self.pending.lock()).responses
        } else {
            Vec::new()
        }
    }
}

/// About the bytes of a response on the wire: a status line, and its fields each with a colon, a space and a line end.
fn size(headers: &HeaderMap) -> usize {
    const STATUS_LINE: usize = 32;
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    STATUS_LINE + fields.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints() -> HeaderMap {
        let link = (http::header::LINK, "</a.css>".parse().unwrap());
        HeaderMap::from_iter([link])
    }

    #[test]
    fn only_a_request_that_waits_is_sent_interim_responses() {
        let interim = Interim::default();
        let send = || interim.send(StatusCode::EARLY_HINTS, hints());
        send();
        assert!(interim.take(Waker::noop()).is_empty());
        interim.open();
        send();
        let expected = [(StatusCode::EARLY_HINTS, hints())];
        assert_eq!(interim.take(Waker::noop()), expected);
        send();
        interim.close();
        send();
        let sent_before_the_response = interim.take(Waker::noop());
        assert_eq!(sent_before_the_response, expected);
    }

    #[test]
    fn a_flood_of_interim_responses_is_left_out() {
        let interim = Interim::default();
        interim.open();
        let room = MAX_INTERIM_BYTES / size(&hints());
        for _ in 0..=room {
            interim.send(StatusCode::EARLY_HINTS, hints());
        }
        assert_eq!(interim.take(Waker::noop()).len(), room);
    }
}
