//! Owns a connection while one request has it. Dropped, it gives the connection back to its pool.

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::Pool;
use crate::http_client::Content;
use crate::http_client::connection::Connection;
use crate::http_client::sending::SendingBody;

/// A connection for one request.
pub(in crate::http_client) struct Held<B: Send + 'static> {
    /// Absent only during drop.
    connection: Option<Connection<B>>,
    /// Whether it was held before. Only then can the other side close it just when a request is sent.
    is_used: bool,
    pool: Arc<Pool<B>>,
}

impl<B: Send + 'static> Held<B> {
    pub(super) fn new(connection: Connection<B>, is_used: bool, pool: &Arc<Pool<B>>) -> Self {
        Self {
            connection: Some(connection),
            is_used,
            pool: Arc::clone(pool),
        }
    }

    pub(in crate::http_client) fn is_used(&self) -> bool {
        self.is_used
    }

    pub(in crate::http_client) fn is_http2(&self) -> bool {
        matches!(self.connection, Some(Connection::Http2(..)))
    }

    /// The connection, for another holder.
    pub(super) fn into_connection(mut self) -> Option<Connection<B>> {
        self.connection.take()
    }
}

impl<B: Content> Held<B> {
    /// As [`Connection::send`].
    pub(in crate::http_client) async fn send(
        &mut self,
        request: Request<SendingBody<B>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<SendingBody<B>>>> {
        let connection = self.connection.as_mut();
        let connection = connection.expect("it is there until the drop");
        connection.send(request).await
    }
}

impl<B: Send + 'static> Drop for Held<B> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.take_back(connection);
        }
    }
}
