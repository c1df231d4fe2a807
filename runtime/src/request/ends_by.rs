//! Owns the end of a request as an edge sets it: each server on the way gives what is left to the next one.

use std::time::{Duration, Instant};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

/// The field with the milliseconds that are left. Only trusted proxies may set it.
static TERRACE_TIMEOUT: HeaderName = HeaderName::from_static(EndsBy::FIELD);

/// When a request must have ended, because the server before this one gives up then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndsBy(pub(crate) Instant);

impl EndsBy {
    /// The name of the field. It ends at each server, which tells the next one what is left then.
    pub(crate) const FIELD: &str = "terrace-timeout";

    /// Reads the field of a trusted proxy, in a head that came at `received`.
    pub(crate) fn read(headers: &HeaderMap, received: Instant) -> Option<Self> {
        let value = headers.get(&TERRACE_TIMEOUT)?;
        let milliseconds = value.to_str().ok()?.parse().ok()?;
        let end = received.checked_add(Duration::from_millis(milliseconds))?;
        Some(Self(end))
    }

    /// Tells the next server what is left at `now`.
    pub(crate) fn tell(self, headers: &mut HeaderMap, now: Instant) {
        let left = self.0.saturating_duration_since(now).as_millis();
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        headers.insert(TERRACE_TIMEOUT.clone(), HeaderValue::from(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn read(value: &str) -> Option<Duration> {
        let now = clock::now();
        let mut headers = HeaderMap::new();
        headers.insert(EndsBy::FIELD, value.parse().unwrap());
        EndsBy::read(&headers, now).map(|end| end.0 - now)
    }

    #[test]
    fn what_a_server_tells_is_what_the_next_one_takes() {
        let now = clock::now();
        let mut headers = HeaderMap::new();
        EndsBy(now + Duration::from_secs(5)).tell(&mut headers, now + Duration::from_secs(2));
        let end = EndsBy::read(&headers, now).unwrap();
        assert_eq!(end.0 - now, Duration::from_secs(3));
    }

    #[test]
    fn only_a_number_counts() {
        assert_eq!(read("1500"), Some(Duration::from_millis(1500)));
        for odd in ["", "-1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_end_that_is_past_leaves_nothing() {
        let now = clock::now();
        let mut headers = HeaderMap::new();
        EndsBy(now).tell(&mut headers, now + Duration::from_secs(2));
        assert_eq!(headers["terrace-timeout"], "0");
    }
}
