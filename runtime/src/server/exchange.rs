//! Owns one exchange of request and response from the arrival of the head until the last byte of the response
//! is handed over or the client is gone; its end, however it comes about, is recorded exactly once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body::{Body, Frame, SizeHint};

use super::sanitise::remove_hop_by_hop;
use super::tunnel::Tunnel;
use crate::clock;
use crate::failure::Failure;
use crate::observe::{Observer, Outcome, Stage};
use crate::request::{RequestContext, ResponseBody, X_REQUEST_ID};

static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

const PROXY_STATUS: &str = "proxy-status";

/// One request and its response. Dropping it ends it; dropped early, it counts as given up by the client.
#[derive(Debug)]
pub struct Exchange {
    context: Arc<RequestContext>,
    method: Method,
    target_uri: Uri,
    status: Option<StatusCode>,
    sent_bytes: u64,
    complete: bool,
    observer: Arc<Observer>,
    /// Fields of the response, whatever it is.
    fields: Option<Box<[(HeaderName, HeaderValue); 2]>>,
}

/// The content of a response together with its exchange, which ends with it.
#[derive(Debug)]
pub struct ExchangeBody {
    content: ResponseBody,
    exchange: Exchange,
    /// The rest of a frame that was longer than a piece.
    rest: Bytes,
    max_piece_bytes: usize,
}

impl Exchange {
    pub(crate) fn begin(
        context: Arc<RequestContext>,
        head: &Parts,
        observer: Arc<Observer>,
    ) -> Self {
        Self {
            context,
            method: head.method.clone(),
            target_uri: head.uri.clone(),
            status: None,
            sent_bytes: 0,
            complete: false,
            observer,
            fields: None,
        }
    }

    /// The request.
    #[must_use]
    pub fn context(&self) -> &Arc<RequestContext> {
        &self.context
    }

    /// Has the response say this, whatever it is, in the place of what a function or an origin says.
    pub(crate) fn set_fields(&mut self, fields: [(HeaderName, HeaderValue); 2]) {
        self.fields = Some(Box::new(fields));
    }

    /// Turns the outcome of a request into the response that the client gets.
    #[must_use]
    pub fn respond(
        mut self,
        outcome: Result<Response<ResponseBody>, Failure>,
    ) -> Response<ExchangeBody> {
        self.context.interim().close();
        self.context.enter(Stage::Respond);
        let outcome = self.prefer_content_failure(outcome).and_then(require_final);
        let response = outcome.unwrap_or_else(|failure| self.failure_response(failure));
        let (mut head, content) = response.into_parts();
        self.status = Some(head.status);
        self.tell_storage_failure(head.status, &mut head.headers);
        self.complete = content.is_end_stream() || self.has_no_content(head.status);
        self.remove_false_length(&mut head.headers, &content);
        head.headers
            .insert(X_REQUEST_ID.clone(), self.context.id.to_header_value());
        for (name, value) in self.fields.take().into_iter().flat_map(|fields| *fields) {
            head.headers.insert(name, value);
        }
        Response::from_parts(
            head,
            ExchangeBody {
                content,
                exchange: self,
                rest: Bytes::new(),
                max_piece_bytes: usize::MAX,
            },
        )
    }

    /// If the client has sent too much, too slowly or nonsense, the response says so, whatever the guest answered.
    fn prefer_content_failure(
        &self,
        outcome: Result<Response<ResponseBody>, Failure>,
    ) -> Result<Response<ResponseBody>, Failure> {
        match self.context.content_failure() {
            Some(failure) => Err(failure.clone()),
            None => outcome.map(remove_connection_fields),
        }
    }

    fn failure_response(&self, failure: Failure) -> Response<ResponseBody> {
        let failure = match self.context.storage_failure() {
            Some(storage) if failure.is_of_guest() => Failure::of_storage(storage),
            _ => failure,
        };
        let mut response = failure.response(self.context.id.as_str());
        self.context.fail(failure);
        // RFC 9211 §2.2: it is not known any more which kind of miss it was.
        if self.context.cache_result().is_some() {
            let status = HeaderValue::from_static("terrace; fwd=miss");
            response.headers_mut().insert(CACHE_STATUS.clone(), status);
        }
        response.map(ResponseBody::Full)
    }

    /// A server error after a failure of a database or a store says so (RFC 9209 §2), whatever the guest made of it.
    fn tell_storage_failure(&self, status: StatusCode, headers: &mut http::HeaderMap) {
        let too_late = matches!(self.context.failure(), Some(Failure::DeadlineExceeded));
        if too_late && self.context.waits_for_storage() {
            let failure = storage::EngineFailure::DeadlineExceeded;
            self.context.set_storage_failure(&failure);
        }
        let Some(failure) = self.context.storage_failure() else {
            return;
        };
        if !status.is_server_error() {
            return;
        }
        let details = format!("details=\"storage: {}\"", failure.name());
        let known = headers
            .get(PROXY_STATUS)
            .filter(|_| self.context.failure().is_some());
        let own = known.and_then(|value| value.to_str().ok());
        let value = format!("{}; {details}", own.unwrap_or("terrace"));
        let value = HeaderValue::from_str(&value).expect("names of failures are tokens");
        if own.is_some() {
            headers.insert(PROXY_STATUS, value);
        } else {
            headers.append(PROXY_STATUS, value);
        }
    }

    /// Hyper writes the length of content that is known as a whole. One that the guest set as well may differ,
    /// except in the answer to HEAD, where it tells the length that GET would have.
    fn remove_false_length(&self, headers: &mut http::HeaderMap, content: &ResponseBody) {
        let known = content.size_hint().exact().is_some();
        if known && self.method != Method::HEAD && self.status != Some(StatusCode::NOT_MODIFIED) {
            headers.remove(header::CONTENT_LENGTH);
        }
    }

    /// Whether HTTP forbids content here (RFC 9110 §6.4.1), so that hyper drops what there is.
    fn has_no_content(&self, status: StatusCode) -> bool {
        self.method == Method::HEAD
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    fn record(&self) {
        let now = clock::now();
        if !self.complete {
            // Unless the connection knows better: that the client has stopped reading.
            self.context.fail(Failure::ClientDisconnected);
        }
        let context = &self.context;
        let duration = now.saturating_duration_since(context.received);
        self.observer.end(&Outcome {
            request_id: context.id.as_str(),
            trace_id: &context.trace.trace_id_digits(),
            client: context.caller.client().ip(),
            method: &self.method,
            path: self.target_uri.path(),
            route: context.end(now),
            status: self.status,
            sent_bytes: self.sent_bytes,
            duration,
            stages: context.stages().durations(duration),
            cpu: context.cpu(),
            instance_reused: context.instance_reused(),
            cache_result: context.cache_result(),
            storage_failure: context.storage_failure(),
            failure: context.failure(),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.record();
    }
}

impl ExchangeBody {
    /// Gives the content in pieces of at most `max_bytes`.
    pub(super) fn in_pieces(mut self, max_bytes: usize) -> Self {
        self.max_piece_bytes = max_bytes;
        self
    }

    /// Whether HTTP forbids content here.
    pub(super) fn is_forbidden(&self) -> bool {
        let status = self.exchange.status;
        status.is_some_and(|status| self.exchange.has_no_content(status))
    }

    /// The length that the answer to HEAD tells: that of GET's content.
    pub(super) fn length_for_head(&self) -> Option<u64> {
        let is_head = self.exchange.method == Method::HEAD;
        let length = self.content.size_hint().exact();
        length.filter(|_| is_head && !self.content.is_end_stream())
    }

    /// Keeps what is longer than a piece for later.
    fn cut(&mut self, mut data: Bytes) -> Bytes {
        if data.len() > self.max_piece_bytes {
            self.rest = data.split_off(self.max_piece_bytes);
        }
        data
    }

    /// The next piece of a frame that was too long.
    fn next_piece(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.rest);
        self.cut(rest)
    }
}

impl Body for ExchangeBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.content).poll_frame(cx));
            frame.map(|frame| frame.map(|frame| frame.map_data(|data| self.cut(data))))
        } else {
            Some(Ok(Frame::data(self.next_piece())))
        };
        match &frame {
            Some(Ok(frame)) => {
                self.exchange.sent_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                // Hyper asks for nothing after a trailer section.
                self.exchange.complete = frame.is_trailers() || self.is_end_stream();
            }
            Some(Err(failure)) => self.exchange.context.fail(failure.clone()),
            None => self.exchange.complete = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// Whether and when the connection closes is the server's business alone (RFC 9110 §7.6.1).
fn remove_connection_fields(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    if is_agreed_switch(&response) {
        return response;
    }
    remove_hop_by_hop(response.headers_mut());
    response
}

/// An interim status, or a switch of protocols that the server has not agreed to, ends no request.
fn require_final(response: Response<ResponseBody>) -> Result<Response<ResponseBody>, Failure> {
    if response.status().is_informational() && !is_agreed_switch(&response) {
        Err(Failure::NoResponse)
    } else {
        Ok(response)
    }
}

/// Whether the client asked for a switch of protocols, and the origin agreed.
fn is_agreed_switch(response: &Response<ResponseBody>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        && response.extensions().get::<Tunnel>().is_some()
}
