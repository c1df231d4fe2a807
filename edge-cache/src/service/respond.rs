//! A stored response as the answer to a request: its preconditions, range and codings judged, its age told.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::lookup::Asking;
use super::{Answer, Cache, CacheBody, Tasks};
use crate::content::ContentReader;
use crate::rules::accept_encoding::{self, ContentCoding};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::directives::RequestDirectives;
use crate::rules::range::{self, RangeOutcome};
use crate::rules::reuse::{self, Reuse};
use crate::rules::{age, conditional, selection};
use crate::store::{Variants, copied_fields};
use crate::stored_response::{Representation, StoredResponse};
use crate::time::Moment;

/// The fields that a stored response gets when it is sent: two here, and those of the server that sends it.
const ADDED_FIELDS: usize = 4;

/// Whether a stored response has the bytes that a request asks for.
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

/// The answer to `only-if-cached` when nothing stored may be used (RFC 9111 §5.2.1.7).
///
/// It has no `Cache-Status`, since it was neither forwarded nor made of something stored (RFC 9211 §2).
pub(super) fn not_cached<B>(reason: ForwardReason) -> Answer<B> {
    let mut response = Response::new(CacheBody::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    Answer {
        response,
        status: CacheStatus::forwarded(reason).detail("only-if-cached"),
        tasks: Tasks::default(),
    }
}

impl Cache {
    /// Answers with a stored response (RFC 9111 §4).
    pub(super) fn respond<B>(
        &self,
        asking: &Asking,
        stored: &Arc<StoredResponse>,
        status: CacheStatus,
        now: Moment,
    ) -> Answer<B> {
        let fields = copied_fields(&stored.headers, ADDED_FIELDS);
        self.respond_with(fields, asking, stored, status, now)
    }

    /// The same with the fields of the stored response, where they are at hand.
    pub(super) fn respond_with<B>(
        &self,
        mut headers: HeaderMap,
        asking: &Asking,
        stored: &Arc<StoredResponse>,
        status: CacheStatus,
        now: Moment,
    ) -> Answer<B> {
        self.tell(&mut headers, stored, &status, now);
        let mut answer = Answer {
            response: Response::new(CacheBody::empty()),
            status,
            tasks: Tasks::default(),
        };
        let received = stored.response_time.wall;
        let preconditions = &asking.head.headers;
        let (status, body) = if !asking.is_plain
            && stored.status == StatusCode::OK
            && conditional::is_not_modified(preconditions, &headers, received)
        {
            // The validator is that of the response that a 200 would have been (RFC 9110 §15.4.5).
            if !preconditions.contains_key(header::RANGE) && coding(asking, stored).is_some() {
                accept_encoding::weaken_validators(&mut headers);
            }
            conditional::keep_fields_of_not_modified(&mut headers);
            (StatusCode::NOT_MODIFIED, CacheBody::empty())
        } else {
            self.content(asking, stored, &mut headers, &mut answer.tasks)
        };
        let is_head = asking.head.method == Method::HEAD;
        *answer.response.status_mut() = status;
        *answer.response.headers_mut() = headers;
        if !is_head {
            *answer.response.body_mut() = body;
        }
        answer
    }

    /// The answer to a plain request, if there is a response that is fresh and has its content in one piece, as most have:
    /// made without a reference to what is stored, which all threads would count in one place.
    pub(super) fn answer_plainly<B>(
        &self,
        variants: &Variants,
        request: &HeaderMap,
        now: Moment,
    ) -> Option<(Response<CacheBody<B>>, CacheStatus)> {
        let stored = selection::select(variants, request)?;
        let Representation::Whole(content) = &stored.representation else {
            return None;
        };
        let content = content.as_whole().filter(|_| !stored.is_compressible)?;
        let reuse = reuse::may_reuse(stored, &RequestDirectives::default(), now);
        if reuse != Reuse::Fresh {
            return None;
        }
        let status = CacheStatus::hit(reuse::time_to_live(stored, now));
        let mut response = Response::new(CacheBody::whole(content.clone()));
        *response.status_mut() = stored.status;
        let mut headers = copied_fields(&stored.headers, ADDED_FIELDS);
        self.tell(&mut headers, stored, &status, now);
        *response.headers_mut() = headers;
        Some((response, status))
    }

    /// Adds to the fields of a stored response what is said of it now.
    fn tell(
        &self,
        headers: &mut HeaderMap,
        stored: &StoredResponse,
        status: &CacheStatus,
        now: Moment,
    ) {
        let current_age = age::current_age(stored.corrected_initial_age, stored.response_time, now);
        headers.insert(header::AGE, HeaderValue::from(current_age.as_secs()));
        status.add_to(headers, self.config.name);
    }

    /// The content that a request gets, and the status that says what of it.
    fn content<B>(
        &self,
        asking: &Asking,
        stored: &Arc<StoredResponse>,
        headers: &mut HeaderMap,
        tasks: &mut Tasks<B>,
    ) -> (StatusCode, CacheBody<B>) {
        let Parts {
            method,
            headers: asked,
            ..
        } = &asking.head;
        if !asking.is_plain
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
            .compressed(asking, stored, headers, tasks)
            .or_else(|| stored.reader(&(0..u64::MAX)));
        let body = reader.map_or_else(CacheBody::broken, CacheBody::stored);
        (stored.status, body)
    }

    /// The content in a coding that the client prefers, where there is one and it is worth it.
    fn compressed<B>(
        &self,
        asking: &Asking,
        stored: &Arc<StoredResponse>,
        headers: &mut HeaderMap,
        tasks: &mut Tasks<B>,
    ) -> Option<ContentReader> {
        let Representation::Whole(content) = &stored.representation else {
            return None;
        };
        let coding = coding(asking, stored)?;
        let capacity = self.store.max_content_bytes();
        let (rendition, encoding) = stored.renditions.get(coding, content, capacity)?;
        let reader = rendition.reader(0..u64::MAX)?;
        if let Some(encoding) = encoding {
            tasks.encoding = Some(Box::new((asking.key.clone(), encoding)));
        }
        set_coding(headers, coding, rendition.length());
        Some(reader)
    }
}

/// The coding in which a client gets the content of a stored response, as far as that is compressed for clients.
fn coding(asking: &Asking, stored: &StoredResponse) -> Option<ContentCoding> {
    let is_whole = matches!(stored.representation, Representation::Whole(_));
    let may_be = stored.is_compressible && is_whole;
    may_be.then(|| accept_encoding::preferred(&asking.head.headers))?
}

/// Makes the fields those of content in a coding, whose representation is another one.
fn set_coding(headers: &mut HeaderMap, coding: ContentCoding, length: Option<u64>) {
    headers.insert(header::CONTENT_ENCODING, coding.token());
    match length {
        Some(length) => headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.remove(header::CONTENT_LENGTH),
    };
    accept_encoding::weaken_validators(headers);
}
