//! The response built of a stored one: preconditions, range and coding of the request are applied, and `Age` is added.
//! Whether the stored response may be used is decided before.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::Cache;
use super::answer::Answer;
use super::body::CacheBody;
use super::keyed_request::KeyedRequest;
use super::tasks::Tasks;
use crate::content::ContentReader;
use crate::rules::accept_encoding::{self, ContentCoding};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::range::{self, RangeOutcome};
use crate::rules::{conditional, reuse};
use crate::store::copied_fields;
use crate::stored_response::{Representation, StoredResponse};
use crate::time::Moment;

/// Fields that are added to a stored response when it is sent: two here, and two by the server.
const ADDED_FIELDS: usize = 4;

/// Whether all bytes that a request asks for are stored.
pub(super) fn has_what_is_asked(stored: &StoredResponse, head: &Parts) -> bool {
    match &stored.representation {
        Representation::Whole(_) => true,
        Representation::Parts {
            complete_length, ..
        } => {
            let asked = range::requested(
                &head.method,
                &head.headers,
                &stored.headers,
                *complete_length,
            );
            matches!(asked, RangeOutcome::Part(asked) if stored.part_with(&asked).is_some())
        }
    }
}

/// The answer to `only-if-cached` if no stored response may be used (RFC 9111 §5.2.1.7).
///
/// It has no `Cache-Status`, since it was neither forwarded nor stored (RFC 9211 §2).
pub(super) fn not_cached<B>(reason: ForwardReason) -> Answer<B> {
    let mut response = Response::new(CacheBody::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    Answer {
        response,
        status: CacheStatus::forwarded(reason).detail("only-if-cached"),
        tasks: Tasks::default(),
        told: None,
    }
}

impl Cache {
    /// Answers with a stored response (RFC 9111 §4).
    pub(super) fn respond<B>(
        &self,
        keyed: &KeyedRequest,
        stored: &Arc<StoredResponse>,
        status: CacheStatus,
        now: Moment,
    ) -> Answer<B> {
        let fields = copied_fields(&stored.headers, ADDED_FIELDS);
        self.respond_with(fields, keyed, stored, status, now)
    }

    /// Like [`Self::respond`], with a copy of the stored fields that the caller has.
    pub(super) fn respond_with<B>(
        &self,
        mut headers: HeaderMap,
        keyed: &KeyedRequest,
        stored: &Arc<StoredResponse>,
        status: CacheStatus,
        now: Moment,
    ) -> Answer<B> {
        self.add_age_and_status(&mut headers, stored, &status, now);
        let mut answer = Answer {
            response: Response::new(CacheBody::empty()),
            status,
            tasks: Tasks::default(),
            told: None,
        };
        let received = stored.response_time.wall;
        let preconditions = &keyed.head.headers;
        let (status, body) = if !keyed.is_plain
            && stored.status == StatusCode::OK
            && conditional::is_not_modified(preconditions, &headers, received)
        {
            // A 304 has the validator that the 200 would have (RFC 9110 §15.4.5).
            if !preconditions.contains_key(header::RANGE) && coding(preconditions, stored).is_some()
            {
                accept_encoding::weaken_validators(&mut headers);
            }
            conditional::keep_fields_of_not_modified(&mut headers);
            (StatusCode::NOT_MODIFIED, CacheBody::empty())
        } else {
            self.content(keyed, stored, &mut headers, &mut answer.tasks)
        };
        let is_head = keyed.head.method == Method::HEAD;
        *answer.response.status_mut() = status;
        *answer.response.headers_mut() = headers;
        if !is_head {
            *answer.response.body_mut() = body;
        }
        answer
    }

    /// Answers a request for the whole of a stored response with `body`, which is all of its content.
    pub(super) fn respond_whole<B>(
        &self,
        stored: &StoredResponse,
        body: CacheBody<B>,
        status: &CacheStatus,
        now: Moment,
    ) -> Response<CacheBody<B>> {
        let mut response = Response::new(body);
        *response.status_mut() = stored.status;
        let mut headers = copied_fields(&stored.headers, ADDED_FIELDS);
        self.add_age_and_status(&mut headers, stored, status, now);
        *response.headers_mut() = headers;
        response
    }

    /// Adds `Age` and `Cache-Status` to the fields of a stored response.
    fn add_age_and_status(
        &self,
        headers: &mut HeaderMap,
        stored: &StoredResponse,
        status: &CacheStatus,
        now: Moment,
    ) {
        let age = reuse::told_age(stored, now);
        headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
        status.add_to(headers, self.config.name);
    }

    /// The status and the content: all of it, a part of it, or all of it in a coding.
    fn content<B>(
        &self,
        keyed: &KeyedRequest,
        stored: &Arc<StoredResponse>,
        headers: &mut HeaderMap,
        tasks: &mut Tasks<B>,
    ) -> (StatusCode, CacheBody<B>) {
        let Parts {
            method,
            headers: asked,
            ..
        } = &keyed.head;
        if !keyed.is_plain
            && stored.status == StatusCode::OK
            && asked.contains_key(header::RANGE)
            && let Some(length) = stored.complete_length()
        {
            match range::requested(method, asked, headers, length) {
                RangeOutcome::Part(part) => {
                    if let Some(reader) = stored.reader(&part) {
                        range::set_part(headers, &part, length);
                        return (StatusCode::PARTIAL_CONTENT, CacheBody::stored(reader));
                    }
                }
                RangeOutcome::Unsatisfiable => {
                    range::set_unsatisfiable(headers, length);
                    return (StatusCode::RANGE_NOT_SATISFIABLE, CacheBody::empty());
                }
                RangeOutcome::Whole => {}
            }
        }
        let reader = self
            .compressed(keyed, stored, headers, tasks)
            .or_else(|| stored.reader(&(0..u64::MAX)));
        let body = reader.map_or_else(CacheBody::broken, CacheBody::stored);
        (stored.status, body)
    }

    /// The content in the coding that the client prefers, if it is compressed for this client.
    fn compressed<B>(
        &self,
        keyed: &KeyedRequest,
        stored: &Arc<StoredResponse>,
        headers: &mut HeaderMap,
        tasks: &mut Tasks<B>,
    ) -> Option<ContentReader> {
        let Representation::Whole(content) = &stored.representation else {
            return None;
        };
        let coding = coding(&keyed.head.headers, stored)?;
        let capacity = self.store.max_content_bytes();
        let (rendition, encoding) = stored.renditions.get(coding, content, capacity)?;
        let reader = rendition.reader(0..u64::MAX)?;
        if let Some(encoding) = encoding {
            tasks.encoding = Some(Box::new((keyed.key.clone(), encoding)));
        }
        set_coding(headers, coding, rendition.length());
        Some(reader)
    }
}

/// The coding in which a client gets the content of a stored response, if it is compressed for this client.
fn coding(request: &HeaderMap, stored: &StoredResponse) -> Option<ContentCoding> {
    let is_whole = matches!(stored.representation, Representation::Whole(_));
    let may_be = stored.is_compressible && is_whole && !stored.is_short();
    may_be.then(|| accept_encoding::preferred(request))?
}

/// Changes the fields to those of the content in a coding, which is another representation.
fn set_coding(headers: &mut HeaderMap, coding: ContentCoding, length: Option<u64>) {
    headers.insert(header::CONTENT_ENCODING, coding.token());
    match length {
        Some(length) => headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.remove(header::CONTENT_LENGTH),
    };
    accept_encoding::weaken_validators(headers);
}
