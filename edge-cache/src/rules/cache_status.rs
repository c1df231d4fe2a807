//! `Cache-Status` (RFC 9211): how a cache took part in a response.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::limits::{MAX_MEMBER_BYTES, MAX_NAME_CHARACTERS};

/// The field.
pub static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The largest integer of a structured field (RFC 9651 §3.3.1).
const LARGEST_INTEGER: i64 = 999_999_999_999_999;

/// Why a request was forwarded (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardReason {
    /// The cache was configured not to handle the request.
    Bypass,
    /// The method's semantics require it.
    Method,
    /// Nothing is stored for the URI.
    UriMiss,
    /// Responses are stored for the URI, but none that the request selects.
    VaryMiss,
    /// No stored response could be used, for another reason.
    Miss,
    /// The stored response is fresh, but the request's directives do not accept it.
    Request,
    /// The stored response is stale.
    Stale,
    /// A part of the representation is stored.
    Partial,
}

impl ForwardReason {
    /// Its token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

/// How a request was answered, as operators count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// From the store, fresh or stale, without waiting for the origin.
    Hit,
    /// By another request's forward.
    Collapsed,
    /// From the store, in place of an error of the origin.
    StaleOnError,
    /// From the store, after a validation.
    Validated,
    /// By a forward in which the cache had no part.
    Bypassed,
    /// By a forward, because no stored response could be used.
    Miss,
}

/// How this cache took part in one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    /// Why the request was forwarded; a hit if it was not (§2.1, §2.2).
    pub forward_reason: Option<ForwardReason>,
    /// The status of the answer to the forwarded request (§2.3).
    pub forward_status: Option<StatusCode>,
    /// How long the response is still fresh, in seconds; negative if it is stale (§2.4).
    pub time_to_live: Option<i64>,
    /// Whether the response is stored (§2.5).
    pub stored: bool,
    /// Whether the request shared the forward of another one (§2.6).
    pub collapsed: bool,
    /// More about it, for people (§2.8).
    pub detail: Option<&'static str>,
}

impl CacheStatus {
    /// A stored response that is fresh for so many seconds.
    #[must_use]
    pub fn hit(time_to_live: i64) -> Self {
        Self {
            time_to_live: Some(time_to_live),
            ..Self::of(None)
        }
    }

    /// Forwarded, for a reason.
    #[must_use]
    pub fn forwarded(reason: ForwardReason) -> Self {
        Self::of(Some(reason))
    }

    fn of(forward_reason: Option<ForwardReason>) -> Self {
        Self {
            forward_reason,
            forward_status: None,
            time_to_live: None,
            stored: false,
            collapsed: false,
            detail: None,
        }
    }

    /// With the status of the answer to the forwarded request.
    #[must_use]
    pub fn forward_status(self, status: StatusCode) -> Self {
        let forward_status = Some(status);
        Self {
            forward_status,
            ..self
        }
    }

    /// With a stored response in place of the forwarded one. It has been stale for so many seconds, a negative number.
    #[must_use]
    pub fn stale(self, time_to_live: i64) -> Self {
        let time_to_live = Some(time_to_live);
        Self {
            time_to_live,
            ..self
        }
    }

    /// With whether the response is stored.
    #[must_use]
    pub fn stored(self, stored: bool) -> Self {
        Self { stored, ..self }
    }

    /// Answered by the forward of another request.
    #[must_use]
    pub fn collapsed(self) -> Self {
        let collapsed = true;
        Self { collapsed, ..self }
    }

    /// With more about it.
    #[must_use]
    pub fn detail(self, detail: &'static str) -> Self {
        let detail = Some(detail);
        Self { detail, ..self }
    }

    /// Whether it was answered from the store without being forwarded.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.forward_reason.is_none()
    }

    /// How the request was answered.
    #[must_use]
    pub fn outcome(&self) -> CacheOutcome {
        if self.is_hit() {
            CacheOutcome::Hit
        } else if self.collapsed {
            CacheOutcome::Collapsed
        } else if self.time_to_live.is_some() {
            CacheOutcome::StaleOnError
        } else if self.is_validation() {
            CacheOutcome::Validated
        } else if self.is_bypass() {
            CacheOutcome::Bypassed
        } else {
            CacheOutcome::Miss
        }
    }

    /// Whether the origin validated the stored response.
    fn is_validation(&self) -> bool {
        self.forward_status == Some(StatusCode::NOT_MODIFIED) && self.stored
    }

    /// Whether the cache had no part in it.
    fn is_bypass(&self) -> bool {
        use ForwardReason::{Bypass, Method};
        matches!(self.forward_reason, Some(Bypass | Method))
    }

    /// Adds the member of the cache of this `name` behind those of caches nearer to the origin (§2).
    pub fn add_to(&self, headers: &mut HeaderMap, name: &str) {
        let mut member = Member::new();
        self.write(&mut member, name);
        if let Ok(value) = HeaderValue::from_bytes(member.bytes()) {
            headers.append(CACHE_STATUS.clone(), value);
        }
    }

    fn write(&self, member: &mut Member, name: &str) {
        member.name(name);
        match self.forward_reason {
            None => member.add(&["; hit"]),
            Some(reason) => member.add(&["; fwd=", reason.as_str()]),
        }
        if let Some(status) = self.forward_status {
            member.add(&["; fwd-status=", status.as_str()]);
        }
        if let Some(seconds) = self.time_to_live {
            let seconds = seconds.clamp(-LARGEST_INTEGER, LARGEST_INTEGER);
            member.add(&["; ttl=", itoa::Buffer::new().format(seconds)]);
        }
        if self.stored {
            member.add(&["; stored"]);
        }
        if self.collapsed {
            member.add(&["; collapsed"]);
        }
        match self.detail {
            Some(detail) if is_token(detail) => member.add(&["; detail=", detail]),
            Some(detail) => member.add(&["; detail=\"", &escaped(detail), "\""]),
            None => {}
        }
    }
}

/// A member that is written piece by piece. Every response has one, and the formatter takes several times as long. A piece
/// that does not fit is left out.
struct Member {
    bytes: [u8; MAX_MEMBER_BYTES],
    length: usize,
}

impl Member {
    fn new() -> Self {
        Self {
            bytes: [0; MAX_MEMBER_BYTES],
            length: 0,
        }
    }

    /// The cache's name: a token, or a string (RFC 9211 §2).
    fn name(&mut self, name: &str) {
        let end = name.char_indices().nth(MAX_NAME_CHARACTERS);
        let name = &name[..end.map_or(name.len(), |(end, _)| end)];
        if is_token(name) {
            self.add(&[name]);
        } else {
            self.add(&["\"", &escaped(name), "\""]);
        }
    }

    /// Adds all of the pieces, or none.
    fn add(&mut self, pieces: &[&str]) {
        let added: usize = pieces.iter().map(|piece| piece.len()).sum();
        if self.length + added > self.bytes.len() {
            return;
        }
        for piece in pieces {
            let end = self.length + piece.len();
            self.bytes[self.length..end].copy_from_slice(piece.as_bytes());
            self.length = end;
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Text as a string of a structured field (RFC 9651 §4.1.6). Characters beyond visible ASCII become question marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            ' '..='~' => escaped.push(character),
            _ => escaped.push('?'),
        }
    }
    escaped
}

/// Whether text is a token of a structured field (RFC 9651 §3.3.4).
fn is_token(text: &str) -> bool {
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    begins_well && text.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use sfv::{List, Parser};

    use super::*;
    use crate::rules::testing::headers;

    fn text(status: CacheStatus, name: &str) -> String {
        let mut headers = HeaderMap::new();
        status.add_to(&mut headers, name);
        let text = headers[&CACHE_STATUS].to_str().unwrap().to_owned();
        let parsed: Result<List, _> = Parser::new(&text).parse();
        assert!(parsed.is_ok(), "{text}");
        text
    }

    #[test]
    fn a_hit_tells_how_long_it_is_fresh_rfc_9211_2_4() {
        assert_eq!(
            text(CacheStatus::hit(376), "Terrace"),
            "Terrace; hit; ttl=376"
        );
        assert_eq!(
            text(CacheStatus::hit(-5), "Terrace"),
            "Terrace; hit; ttl=-5"
        );
    }

    #[test]
    fn a_forward_tells_why_and_what_came_of_it_rfc_9211_2_2() {
        let status = CacheStatus::forwarded(ForwardReason::UriMiss)
            .forward_status(StatusCode::OK)
            .stored(true)
            .collapsed()
            .detail("no-store");
        assert_eq!(
            text(status, "a"),
            "a; fwd=uri-miss; fwd-status=200; stored; collapsed; detail=no-store"
        );
        let status = CacheStatus::forwarded(ForwardReason::Stale).stale(-3);
        assert_eq!(text(status, "a"), "a; fwd=stale; ttl=-3");
        assert!(!status.is_hit() && !status.is_bypass());
    }

    #[test]
    fn all_reasons_have_the_tokens_of_the_standard_rfc_9211_2_2() {
        use ForwardReason::{Bypass, Method, Miss, Partial, Request, Stale, UriMiss, VaryMiss};
        let tokens = [
            Bypass, Method, UriMiss, VaryMiss, Miss, Request, Stale, Partial,
        ]
        .map(ForwardReason::as_str);
        assert_eq!(
            tokens,
            [
                "bypass",
                "method",
                "uri-miss",
                "vary-miss",
                "miss",
                "request",
                "stale",
                "partial"
            ]
        );
    }

    #[test]
    fn members_of_caches_nearer_to_the_origin_come_first_rfc_9211_2() {
        let mut headers = headers(&[("cache-status", "Origin; hit")]);
        CacheStatus::hit(1).add_to(&mut headers, "a");
        let lines: Vec<_> = headers.get_all(&CACHE_STATUS).iter().collect();
        assert_eq!(lines, ["Origin; hit", "a; hit; ttl=1"]);
    }

    #[test]
    fn what_is_no_token_is_a_string_rfc_9651_4_1_6() {
        assert_eq!(
            text(CacheStatus::hit(0).detail("a \"b\""), "My \\ cäche"),
            "\"My \\\\ c?che\"; hit; ttl=0; detail=\"a \\\"b\\\"\""
        );
    }

    #[test]
    fn all_but_the_detail_fits_whatever_the_name() {
        let status = CacheStatus::forwarded(ForwardReason::VaryMiss)
            .forward_status(StatusCode::OK)
            .stale(i64::MIN)
            .stored(true)
            .collapsed();
        for name in ["\"".repeat(500), "ä".repeat(500), "a".repeat(500)] {
            assert!(text(status, &name).ends_with("; collapsed"), "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_as_a_whole() {
        let long: &str = "x".repeat(MAX_MEMBER_BYTES).leak();
        assert_eq!(text(CacheStatus::hit(1).detail(long), "a"), "a; hit; ttl=1");
    }
}
