//! Properties of the readers and printers of fields.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use sfv::{List, Parser};

use super::{CDN, field, fields_of, now, two_halves};
use crate::limits::MAX_KEY_BYTES;
use crate::rules::directives::{RequestDirectives, ResponseDirectives};
use crate::rules::entity_tag::{EntityTag, entity_tags};
use crate::rules::key::CacheKey;
use crate::rules::{
    Policy, accept_encoding, age, cache_status, dates, groups, invalidation, list, targeted, weight,
};

/// Members do not change when they are put together again.
pub fn lists(data: &[u8]) {
    let members: Vec<&[u8]> = list::members(data).collect();
    if list::is_balanced(data) {
        let joined = members.join(&b',');
        assert!(list::members(&joined).eq(members.iter().copied()));
    }
    for member in members {
        let _ = list::unquoted(member);
    }
}

/// One more line forbids no less, and allows no more, than those before it.
pub fn directives(data: &[u8]) {
    let (first, second) = two_halves(data);
    let mut headers = field(&header::CACHE_CONTROL, first);
    let before = ResponseDirectives::parse(&headers);
    let _ = RequestDirectives::parse(&headers);
    for line in field(&header::CACHE_CONTROL, second).values() {
        headers.append(header::CACHE_CONTROL, line.clone());
    }
    let _ = RequestDirectives::parse(&headers);
    let after = ResponseDirectives::parse(&headers);
    let times = |directives: &ResponseDirectives| {
        [
            directives.max_age,
            directives.s_maxage,
            directives.stale_while_revalidate,
            directives.stale_if_error,
        ]
    };
    for (before, after) in times(&before).into_iter().zip(times(&after)) {
        assert!(before.is_none() || after <= before);
    }
    let prohibitions = |directives: &ResponseDirectives| {
        [
            directives.no_store,
            directives.no_cache.is_all(),
            directives.private.is_all(),
            directives.must_revalidate,
            directives.must_understand,
        ]
    };
    for (before, after) in prohibitions(&before).into_iter().zip(prohibitions(&after)) {
        assert!(!before || after);
    }
    headers.append(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    assert!(ResponseDirectives::parse(&headers).no_store);
}

/// A targeted field that is no structured field says nothing.
pub fn targeted(data: &[u8]) {
    let headers = field(&CDN, data);
    let parsed = targeted::targeted_directives(&headers, &[CDN]);
    if parsed.is_some() {
        let is_ascii = |line: &HeaderValue| line.as_bytes().is_ascii();
        assert!(headers.get_all(&CDN).iter().all(is_ascii));
    }
    let mut broken = headers;
    broken.append(&CDN, HeaderValue::from_static("&"));
    assert_eq!(targeted::targeted_directives(&broken, &[CDN]), None);
}

/// A date is the same when it is printed and read again, and in any case.
pub fn dates(data: &[u8]) {
    let date = dates::parse(data, now().wall);
    assert_eq!(dates::parse(&data.to_ascii_uppercase(), now().wall), date);
    if let Some(date) = date.filter(|date| *date >= SystemTime::UNIX_EPOCH) {
        assert_eq!(
            dates::parse(dates::print(date).as_bytes(), now().wall),
            Some(date)
        );
    }
    let headers = field(&header::AGE, data);
    let initial = age::corrected_initial_age(&headers, now(), now());
    assert!(initial >= age::age_value(&headers).unwrap_or_default());
}

/// Tags of a list are the same when they are put together again, and equal themselves.
pub fn entity_tag_lists(data: &[u8]) {
    for line in field(&header::IF_NONE_MATCH, data).values() {
        entity_tag_list(line.as_bytes());
    }
}

fn entity_tag_list(data: &[u8]) {
    let tags: Vec<EntityTag<'_>> = entity_tags(data).collect();
    for tag in &tags {
        assert!(tag.equals_weakly(*tag));
        assert_eq!(tag.equals_strongly(*tag), tag.is_strong());
    }
    let mut printed = Vec::new();
    for tag in &tags {
        let (prefix, text): (&[u8], _) = match tag {
            EntityTag::Strong(text) | EntityTag::Malformed(text) => (b"", text),
            EntityTag::Weak(text) => (b"W/", text),
        };
        printed.extend_from_slice(&[prefix, text, b", "].concat());
    }
    assert!(entity_tags(&printed).eq(tags));
}

/// A key is that of its own text, begins with its origin, and is found again by whatever refers to it.
pub fn keys(data: &[u8]) {
    let (target, rest) = two_halves(data);
    let (host, reference) = two_halves(rest);
    let request = Request::get(target).header(header::HOST, host).body(());
    let Ok(request) = request else { return };
    let Some(key) = CacheKey::of_request(&request) else {
        return;
    };
    check_key(&key);
    if let Some(other) = std::str::from_utf8(reference)
        .ok()
        .and_then(|text| key.resolve(text))
    {
        check_key(&other);
    }
    let location = field(&header::LOCATION, reference);
    for invalidated in invalidation::invalidated_keys(&key, &location) {
        assert_eq!(invalidated.origin(), key.origin());
    }
}

fn check_key(key: &CacheKey) {
    let text = key.as_str();
    assert!(text.len() <= MAX_KEY_BYTES && text.starts_with(key.origin()));
    assert!(text[key.origin().len()..].starts_with('/'));
    if let Ok(uri) = text.parse() {
        assert_eq!(CacheKey::new(&uri).as_ref(), Some(key));
    }
    assert_eq!(key.resolve("").as_ref(), Some(key));
}

/// The groups of a response are the same when they are spelt as the standard has it.
pub fn cache_groups(data: &[u8]) {
    let headers = fields_of(data);
    let found = groups::groups(&headers);
    assert!(found.iter().is_sorted() && found.iter().count() == found.count());
    let _ = found.are_bounded();
    let is_plain = |name: &str| name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !found.iter().all(is_plain) {
        return;
    }
    let spell = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let names: Vec<String> = found.iter().map(spell).collect();
    let list = names.join(", ");
    let name = HeaderName::from_static("cache-groups");
    assert_eq!(groups::groups(&field(&name, list.as_bytes())), found);
    let name = HeaderName::from_static("cache-group-invalidation");
    let invalidated = groups::invalidated_groups(&field(&name, list.as_bytes()));
    assert!(
        invalidated
            .iter()
            .map(groups::CacheGroup::as_str)
            .eq(found.iter())
    );
}

/// `Cache-Status` is a structured field whatever the cache is called, and members that were there remain.
pub fn cache_status(data: &[u8]) {
    let name = String::from_utf8_lossy(data);
    let mut headers = HeaderMap::new();
    let reason = cache_status::ForwardReason::UriMiss;
    let status = cache_status::CacheStatus::forwarded(reason).forward_status(StatusCode::OK);
    status
        .stored(true)
        .detail("a b")
        .add_to(&mut headers, &name);
    cache_status::CacheStatus::hit(-1).add_to(&mut headers, &name);
    for line in headers.get_all(&cache_status::CACHE_STATUS) {
        let list: List = Parser::new(line.as_bytes()).parse().expect("it is a list");
        assert_eq!(list.len(), 1);
    }
}

/// No coding is chosen that the client does not accept.
pub fn content_codings(data: &[u8]) {
    let mut headers = field(&header::ACCEPT_ENCODING, data);
    for (_, weight) in weight::accepted(&headers, &header::ACCEPT_ENCODING) {
        assert!(weight <= weight::LARGEST_WEIGHT);
    }
    if let Some(coding) = accept_encoding::preferred(&headers) {
        let name = coding.as_str().as_bytes();
        let lower_case = data.to_ascii_lowercase();
        assert!(lower_case.windows(name.len()).any(|text| text == name));
    }
    headers = fields_of(data);
    let _ = accept_encoding::is_compressible(&headers, &Policy::default());
    accept_encoding::weaken_validators(&mut headers);
    assert!(!EntityTag::of(&headers).is_some_and(EntityTag::is_strong));
    accept_encoding::vary_on_coding(&mut headers);
    let once = headers.clone();
    accept_encoding::vary_on_coding(&mut headers);
    assert_eq!(headers, once);
}
