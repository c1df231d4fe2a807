//! Interim responses (RFC 9110 §15.2) on their way to the client. Hyper's server sends none of its own accord, so the
//! socket writes them itself, at moments when hyper has nothing half-sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;
use http::{HeaderMap, HeaderName, StatusCode, header};
use parking_lot::Mutex;

use super::limits::MAX_INTERIM_BYTES;

/// Fields that frame a message or are about one connection, and so are not those of an interim response.
const OF_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
];

/// Interim responses of one connection that are still to be written.
#[derive(Debug, Default)]
pub(crate) struct InterimQueue {
    bytes: Mutex<Vec<u8>>,
    /// Looked at for each write, so that the lock is taken only where there is something.
    any: AtomicBool,
    connection: AtomicWaker,
}

/// The way of one request's interim responses, which ends where its final response begins.
#[derive(Debug)]
pub(crate) struct InterimSender {
    queue: Arc<InterimQueue>,
    ended: AtomicBool,
}

impl InterimQueue {
    /// Whether something is to be written.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Takes what is to be written.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut *self.bytes.lock())
    }

    /// Adds an interim response, unless too many are waiting already: the client can do without each of them.
    fn add(&self, status: StatusCode, fields: &HeaderMap) {
        let mut bytes = self.bytes.lock();
        let before = bytes.len();
        write_head(&mut bytes, status, fields);
        if bytes.len() > MAX_INTERIM_BYTES {
            bytes.truncate(before);
            return;
        }
        self.any.store(true, Ordering::Release);
        drop(bytes);
        self.connection.wake();
    }
}

impl InterimSender {
    pub(crate) fn new(queue: Arc<InterimQueue>) -> Self {
        let ended = AtomicBool::new(false);
        Self { queue, ended }
    }

    /// Has the task woken that drives the connection, which is the one that runs the request.
    pub(crate) fn register(&self, connection: &Waker) {
        self.queue.connection.register(connection);
    }

    /// Sends an interim response, if the final one has not begun.
    pub(crate) fn send(&self, status: StatusCode, fields: &HeaderMap) {
        if !self.ended.load(Ordering::Acquire) {
            self.queue.add(status, fields);
        }
    }

    /// Notes that the final response begins.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// RFC 9112 §4.
fn write_head(bytes: &mut Vec<u8>, status: StatusCode, fields: &HeaderMap) {
    let reason = status.canonical_reason().unwrap_or_default();
    bytes.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).as_bytes());
    for (name, value) in fields {
        if !OF_THE_CONNECTION.contains(name) {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_interim_response_is_a_head_rfc_9112_4() {
        let queue = Arc::new(InterimQueue::default());
        let sender = InterimSender::new(Arc::clone(&queue));
        let mut fields = HeaderMap::new();
        fields.insert(header::LINK, HeaderValue::from_static("</a>"));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        assert!(!queue.any());
        sender.send(StatusCode::EARLY_HINTS, &fields);
        assert!(queue.any());
        assert_eq!(
            queue.take(),
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
        );
        assert!(!queue.any());
    }

    #[test]
    fn none_is_sent_once_the_final_response_begins() {
        let queue = Arc::new(InterimQueue::default());
        let sender = InterimSender::new(Arc::clone(&queue));
        sender.end();
        sender.send(StatusCode::PROCESSING, &HeaderMap::new());
        assert!(!queue.any());
    }

    #[test]
    fn what_waits_is_bounded() {
        let queue = Arc::new(InterimQueue::default());
        let sender = InterimSender::new(Arc::clone(&queue));
        for _ in 0..MAX_INTERIM_BYTES {
            sender.send(StatusCode::PROCESSING, &HeaderMap::new());
        }
        assert!(queue.take().len() <= MAX_INTERIM_BYTES);
    }
}
