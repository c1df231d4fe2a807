//! `Cache-Status` (RFC 9211): how the cache took part in an exchange.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The field.
pub static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request was forwarded (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardReason {
    /// The cache was not to handle it.
    Bypass,
    /// Its method.
    Method,
    /// Nothing is stored for its target URI.
    UriMiss,
    /// What is stored for its target URI is for other nominated fields.
    VaryMiss,
    /// It asked for a fresher response than the one that is stored.
    Request,
    /// What is stored is stale.
    Stale,
    /// What is stored is not all that it asked for.
    Partial,
}

impl ForwardReason {
    /// The token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

/// How the cache took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    /// Why the request was forwarded; a hit if it was not.
    pub forward_reason: Option<ForwardReason>,
    /// The status of the answer to the forwarded request, where it is not the response's own.
    pub forward_status: Option<StatusCode>,
    /// How long the response is still fresh, in seconds; negative if it is stale.
    pub time_to_live: Option<i64>,
    /// Whether the response was stored.
    pub stored: bool,
    /// Whether the request was answered by another one's forward.
    pub collapsed: bool,
    /// More about it, as a token.
    pub detail: Option<&'static str>,
}

impl CacheStatus {
    /// A response from the store.
    #[must_use]
    pub fn hit(time_to_live: i64) -> Self {
        Self {
            time_to_live: Some(time_to_live),
            ..Self::of(None)
        }
    }

    /// A response to a request that was forwarded.
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

    /// With the status of the answer.
    #[must_use]
    pub fn forward_status(mut self, status: StatusCode) -> Self {
        self.forward_status = Some(status);
        self
    }

    /// With a stale response in place of the answer.
    #[must_use]
    pub fn stale(mut self, time_to_live: i64) -> Self {
        self.time_to_live = Some(time_to_live);
        self
    }

    /// With whether the response was stored.
    #[must_use]
    pub fn stored(mut self, stored: bool) -> Self {
        self.stored = stored;
        self
    }

    /// Answered by another request's forward.
    #[must_use]
    pub fn collapsed(mut self) -> Self {
        self.collapsed = true;
        self
    }

    /// With more about it, as a token (RFC 9651 §3.3.4).
    #[must_use]
    pub fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Whether no forward was needed.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.forward_reason.is_none()
    }

    /// Whether the origin found the stored response to be good.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.forward_status == Some(StatusCode::NOT_MODIFIED) && self.stored
    }

    /// Whether the cache had no part in it.
    #[must_use]
    pub fn is_bypass(&self) -> bool {
        matches!(
            self.forward_reason,
            Some(ForwardReason::Bypass | ForwardReason::Method)
        )
    }

    /// Adds it behind those of caches nearer to the origin (RFC 9211 §2), under the cache's `name`, a token.
    pub fn add_to(&self, headers: &mut HeaderMap, name: &str) {
        let text = self.text(name);
        let value = HeaderValue::try_from(text).expect("tokens and numbers are visible ASCII");
        headers.append(CACHE_STATUS.clone(), value);
    }

    fn text(&self, name: &str) -> String {
        let mut text = String::with_capacity(64);
        text.push_str(name);
        match self.forward_reason {
            None => text.push_str("; hit"),
            Some(reason) => {
                text.push_str("; fwd=");
                text.push_str(reason.as_str());
            }
        }
        let written = self.parameters(&mut text);
        written.expect("a string takes whatever is written");
        text
    }

    fn parameters(&self, text: &mut String) -> std::fmt::Result {
        if let Some(status) = self.forward_status {
            write!(text, "; fwd-status={}", status.as_u16())?;
        }
        if let Some(time_to_live) = self.time_to_live {
            write!(text, "; ttl={time_to_live}")?;
        }
        if self.stored {
            text.push_str("; stored");
        }
        if self.collapsed {
            text.push_str("; collapsed");
        }
        if let Some(detail) = self.detail {
            write!(text, "; detail={detail}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_and_a_forward_are_told_apart_rfc_9211_2() {
        assert_eq!(CacheStatus::hit(-3).text("T"), "T; hit; ttl=-3");
        let forwarded = CacheStatus::forwarded(ForwardReason::UriMiss);
        let forwarded = forwarded
            .forward_status(StatusCode::OK)
            .stored(true)
            .collapsed();
        assert_eq!(
            forwarded.text("T"),
            "T; fwd=uri-miss; fwd-status=200; stored; collapsed"
        );
    }

    #[test]
    fn members_of_caches_nearer_to_the_origin_stay_in_front_rfc_9211_2() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CACHE_STATUS.clone(),
            HeaderValue::from_static("Origin; hit"),
        );
        CacheStatus::hit(1).detail("x").add_to(&mut headers, "Edge");
        let lines: Vec<_> = headers.get_all(&CACHE_STATUS).iter().collect();
        assert_eq!(lines, ["Origin; hit", "Edge; hit; ttl=1; detail=x"]);
    }
}
