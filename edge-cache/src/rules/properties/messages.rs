//! Properties of the rules about requests and responses.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};

use super::{CDN, field, fields_of, messages, now, stored_response};
use crate::rules::directives::{RequestDirectives, ResponseDirectives};
use crate::rules::entity_tag::EntityTag;
use crate::rules::freshness::NegativeCaching;
use crate::rules::key::CacheKey;
use crate::rules::range::{ByteRange, RangeOutcome};
use crate::rules::storing::StoringConfig;
use crate::rules::vary::VaryKey;
use crate::rules::{conditional, dates, fields, range, storing, targeted, validation};
use crate::{Content, Representation, StoredResponse};

/// Ranges lie within the content, and what describes them is the same when it is read again.
pub fn ranges(data: &[u8]) {
    let (request, stored) = messages(data);
    let length = u64::from(data.first().copied().unwrap_or_default());
    match range::requested(&Method::GET, &request, &stored, length) {
        RangeOutcome::Part(part) => {
            assert!(part.start < part.end && part.end <= length);
            let mut headers = stored.clone();
            range::set_part(&mut headers, &part, length);
            let described = range::content_range(&headers).expect("it was just set");
            assert_eq!(
                (described.first, described.last + 1),
                (part.start, part.end)
            );
        }
        RangeOutcome::Unsatisfiable => {
            let asked = ByteRange::parse(&request).expect("it was understood");
            assert_eq!(asked.within(length), None);
        }
        RangeOutcome::Whole => {}
    }
    if let Some(described) = range::content_range(&stored) {
        let again = field(&header::CONTENT_RANGE, described.to_value().as_bytes());
        assert_eq!(range::content_range(&again), Some(described));
        assert!(described.length() <= described.complete_length);
    }
}

/// Parts that are joined have the bytes of the representation that they are parts of.
pub fn joined_parts(data: &[u8]) {
    const WHOLE: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
    let mut stored: Option<StoredResponse> = None;
    for pair in data.chunks_exact(2).take(16) {
        let start = usize::from(pair[0]) % WHOLE.len();
        let end = (start + 1 + usize::from(pair[1]) % 16).min(WHOLE.len());
        let part = part_of(WHOLE, start..end);
        stored = match stored {
            Some(stored) => range::combine(&stored, part).or(Some(stored)),
            None => Some(part),
        };
    }
    let Some(stored) = stored else { return };
    let whole = |content: &Content| {
        content
            .pieces()
            .flat_map(|piece| piece.to_vec())
            .collect::<Vec<u8>>()
    };
    match &stored.representation {
        Representation::Whole(content) => assert_eq!(whole(content), WHOLE),
        Representation::Parts { parts, .. } => {
            let mut end = None;
            for (start, content) in parts.iter() {
                let bytes = whole(content);
                let start = usize::try_from(*start).expect("it is short");
                assert!(
                    end.is_none_or(|end| start > end),
                    "parts neither overlap nor touch"
                );
                assert_eq!(bytes, WHOLE[start..start + bytes.len()]);
                end = Some(start + bytes.len());
            }
        }
    }
}

fn part_of(whole: &'static [u8], part: Range<usize>) -> StoredResponse {
    let content = Content::whole(Bytes::from_static(&whole[part.clone()]));
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_static("\"a\""));
    StoredResponse {
        representation: Representation::Parts {
            complete_length: whole.len() as u64,
            parts: [(part.start as u64, content)].into(),
        },
        ..stored_response(headers)
    }
}

/// A request selects the response to itself, however it spells its lines; and two requests select the response to each
/// other or neither does.
pub fn variants(data: &[u8]) {
    let (request, other) = messages(data);
    let mut response = HeaderMap::new();
    for name in request.keys().chain(other.keys()).take(8) {
        response.append(header::VARY, HeaderValue::from(name.clone()));
    }
    let Some(key) = VaryKey::new(&request, &response) else {
        return;
    };
    assert!(key.matches(&request));
    assert_eq!(VaryKey::new(&request, &response).as_ref(), Some(&key));
    if let Some(other_key) = VaryKey::new(&other, &response) {
        assert_eq!(key == other_key, key.matches(&other));
        assert_eq!(key == other_key, other_key.matches(&request));
    }
    let combined = combined(&request);
    assert!(
        key.matches(&combined),
        "lines may be combined (RFC 9110 §5.3)"
    );
}

fn combined(headers: &HeaderMap) -> HeaderMap {
    let mut combined = HeaderMap::new();
    for name in headers.keys() {
        let lines: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let value = HeaderValue::from_bytes(&lines.join(&b", "[..]));
        combined.insert(name, value.expect("lines are field values"));
    }
    combined
}

/// Fields are filtered once and for all, and what is stored has a date.
pub fn stored_fields(data: &[u8]) {
    let headers = fields_of(data);
    let excluded = [HeaderName::from_static("a")];
    let stored = fields::stored_fields(headers, &excluded, now());
    for name in ["connection", "transfer-encoding", "te", "age", "a"] {
        assert!(!stored.contains_key(name));
    }
    assert!(dates::date(&stored, &header::DATE, now().wall).is_some());
    assert_eq!(
        fields::stored_fields(stored.clone(), &excluded, now()),
        stored
    );
}

/// A client that has the response's own tag has the response.
pub fn preconditions(data: &[u8]) {
    let (mut request, mut response) = messages(data);
    let _ = conditional::is_not_modified(&request, &response, now().wall);
    if let (Some(tag), 1) = (
        response.get(header::ETAG),
        response.get_all(header::ETAG).iter().count(),
    ) && EntityTag::of(&response).is_some_and(|tag| !matches!(tag, EntityTag::Malformed(_)))
    {
        request.append(header::IF_NONE_MATCH, tag.clone());
        assert!(conditional::is_not_modified(
            &request,
            &response,
            now().wall
        ));
    }
    conditional::remove_preconditions(&mut request);
    assert!(!conditional::is_not_modified(
        &request,
        &response,
        now().wall
    ));
    conditional::keep_fields_of_not_modified(&mut response);
    assert!(!response.contains_key(header::CONTENT_LENGTH));
}

/// To freshen again with the same fields changes nothing, and never what describes the stored bytes.
pub fn freshening(data: &[u8]) {
    let (stored, newer) = messages(data);
    let once = validation::freshen(&stored, &newer);
    assert_eq!(validation::freshen(&once, &newer), once);
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
    ] {
        assert!(once.get_all(&name).iter().eq(stored.get_all(&name)));
    }
    let _ = validation::is_selected(&stored, &newer);
    assert!(validation::is_selected(&stored, &stored));
    assert!(validation::head_freshens(&stored, &stored));
    let same = validation::same_strong_validator(&stored, &newer);
    assert_eq!(same, validation::same_strong_validator(&newer, &stored));
    let mut request = HeaderMap::new();
    validation::add_validators(&mut request, &stored);
    assert_eq!(validation::has_validator(&stored), !request.is_empty());
}

/// What is forbidden is not stored, and what is stored can be used again by the request that brought it.
pub fn storing(data: &[u8]) {
    let (request, response) = messages(data);
    let mut request_head = Request::new(()).into_parts().0;
    request_head.headers = request;
    let mut head = Response::new(()).into_parts().0;
    let status = u16::from(data.first().copied().unwrap_or_default()) + 200;
    head.status = StatusCode::from_u16(status).expect("it has three digits");
    head.headers = response;
    let key = CacheKey::new(&Uri::from_static("http://a/b")).expect("it has a host");
    let config = StoringConfig {
        negative_caching: NegativeCaching(vec![(StatusCode::NOT_FOUND, Duration::from_secs(5))]),
        ..StoringConfig::default()
    };
    let stored = storing::may_store(&key, &request_head, &head, &config, now());
    let Ok(storable) = stored else { return };
    let targeted = targeted::targeted_directives(&head.headers, &[CDN]);
    let directives = targeted.unwrap_or_else(|| ResponseDirectives::parse(&head.headers));
    assert!(!directives.no_store || directives.must_understand);
    assert!(!directives.private.is_all());
    assert!(!RequestDirectives::parse(&request_head.headers).no_store);
    let for_others =
        directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    assert!(!request_head.headers.contains_key(header::AUTHORIZATION) || for_others);
    assert!(storable.vary.matches(&request_head.headers));
    let headers = fields::stored_fields(head.headers, &storable.excluded, now());
    let stored = StoredResponse {
        vary: storable.vary,
        policy: storable.policy,
        ..stored_response(headers)
    };
    let unchanged = storing::freshened(&request_head, &stored, &HeaderMap::new(), &config, now());
    assert_eq!(unchanged.storable.vary, stored.vary);
}
