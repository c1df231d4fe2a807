//! Owns a client's request on its way to one origin after the other: whether and how it can be sent again.
//! Whether a further attempt is worth it is left to `origin_client` and `retry_budget`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request};
use http_body::Body;
use http_body_util::{BodyExt, Full};

use super::balancer::UrlDigest;
use super::limits::{MAX_ALL_KEPT_CONTENT_BYTES, MAX_KEPT_CONTENT_BYTES};
use crate::failure::Failure;
use crate::http_client::ClientError;
use crate::request::{RequestBody, WebSocketWanted};
use crate::settings::Origin;

/// A request that can be sent to several origins.
pub(super) struct Outgoing {
    head: Parts,
    content: Content,
    /// Whether it can be sent more than once.
    several: bool,
}

enum Content {
    /// It was read to its end, or there is none.
    Kept(
        Bytes,
        #[expect(dead_code, reason = "its drop gives the room back")] Option<Room>,
    ),
    /// It goes to one origin. Absent once that has it.
    Streamed(Option<RequestBody>),
}

/// The room for the content of all requests.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptContent(Arc<AtomicU64>);

/// Room for the content of one request, in bytes.
#[derive(Debug)]
struct Room(KeptContent, u64);

impl Outgoing {
    /// Prepares a request. If there are `several` origins, it reads the content of one that could be sent twice.
    ///
    /// # Errors
    /// When the client does not send its content as it should.
    pub(super) async fn new(
        request: Request<RequestBody>,
        several: bool,
        kept: &KeptContent,
    ) -> Result<Self, Failure> {
        let (head, content) = request.into_parts();
        let content = if content.is_end_stream() {
            Content::Kept(Bytes::new(), None)
        } else if several
            && head.method.is_idempotent()
            && let Some(room) = kept.room_for(&content)
        {
            Content::Kept(content.collect().await?.to_bytes(), Some(room))
        } else {
            Content::Streamed(Some(content))
        };
        Ok(Self {
            head,
            content,
            several,
        })
    }

    /// The URL as its client asked for it.
    pub(super) fn url(&self) -> UrlDigest {
        let host = self.head.headers.get(HOST).map(HeaderValue::as_bytes);
        let path = self.head.uri.path_and_query();
        UrlDigest::of(
            host.unwrap_or_default(),
            path.map_or("/", PathAndQuery::as_str),
        )
    }

    /// The request to this origin, if there is content to send.
    pub(super) fn request(&mut self, origin: &Origin) -> Option<Request<RequestBody>> {
        let content = match &mut self.content {
            Content::Kept(content, _) if content.is_empty() => RequestBody::default(),
            Content::Kept(content, _) => {
                let content = Full::new(content.clone());
                RequestBody::from_inside(content.map_err(|never| match never {}))
            }
            Content::Streamed(content) => content.take()?,
        };
        let mut request = Request::new(content);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = origin.target(&self.head.uri);
        *request.version_mut() = self.head.version;
        if let Some(wanted) = self.head.extensions.get::<WebSocketWanted>() {
            request.extensions_mut().insert(*wanted);
        }
        *request.headers_mut() = if self.several {
            self.head.headers.clone()
        } else {
            std::mem::take(&mut self.head.headers)
        };
        Some(request)
    }

    /// Takes back content of which an attempt has read nothing.
    pub(super) fn take_back(&mut self, content: Option<RequestBody>) {
        if let Content::Streamed(place) = &mut self.content {
            *place = content;
        }
    }

    /// Whether it may be sent again even if an origin has it (RFC 9110 §9.2.2).
    pub(super) fn is_repeatable(&self) -> bool {
        self.head.method.is_idempotent() && matches!(self.content, Content::Kept(..))
    }

    /// Whether it may be sent to two origins at once: it asks for nothing to be changed (RFC 9110 §9.2.1).
    pub(super) fn may_be_hedged(&self) -> bool {
        let may_switch = self.head.extensions.get::<WebSocketWanted>().is_some();
        self.several && self.head.method.is_safe() && !may_switch && self.is_repeatable()
    }

    /// Whether it may be sent to another origin after it failed so at one.
    pub(super) fn may_follow(&self, error: ClientError) -> bool {
        let is_there = !matches!(self.content, Content::Streamed(None));
        let is_of_client = matches!(
            error,
            ClientError::RequestContent | ClientError::RequestTimeout
        );
        is_there && !is_of_client && (error.is_of_connecting() || self.head.method.is_idempotent())
    }
}

impl KeptContent {
    /// Room for this content, if its length is known and small, and if there is room.
    fn room_for(&self, content: &RequestBody) -> Option<Room> {
        let bytes = content.size_hint().exact()?;
        if bytes > MAX_KEPT_CONTENT_BYTES {
            return None;
        }
        let taken = self.0.fetch_add(bytes, Ordering::Relaxed);
        let room = Room(self.clone(), bytes);
        (taken + bytes <= MAX_ALL_KEPT_CONTENT_BYTES).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
