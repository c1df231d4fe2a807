//! Owns the ids of requests and traces: their form, and a cheap source of new ones.
//! Whether a given id is believed is left to `server`.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::limits::MAX_GIVEN_ID_BYTES;

/// The field by which client, log and guest name the same request.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The id of one request, as it stands in `X-Request-Id`. Cloning it copies nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// A source of random numbers that are unlikely ever to repeat. They are not secret. Each worker thread has its own.
#[derive(Debug)]
pub struct IdSource {
    state: Cell<u64>,
    step: u64,
}

impl RequestId {
    /// A new id: 128 random bits in hexadecimal.
    #[must_use]
    pub fn generate(source: &IdSource) -> Self {
        let mut text = [0; 32];
        text[..16].copy_from_slice(&hex(source.next()));
        text[16..].copy_from_slice(&hex(source.next()));
        let value = HeaderValue::from_bytes(&text);
        Self(value.expect("hexadecimal digits are valid in a field value"))
    }

    /// The id that a trusted proxy gave the request, if it is one that may stand in a log line.
    #[must_use]
    pub fn given(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let fits = (1..=MAX_GIVEN_ID_BYTES).contains(&bytes.len());
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
        (fits && bytes.iter().all(plain)).then(|| Self(value.clone()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("both constructors allow ASCII only")
    }

    /// The id as the value of a field.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl IdSource {
    /// A source with seeds from the operating system.
    #[must_use]
    pub fn from_system() -> Self {
        // The standard library seeds its hashers from the system's random source, and this saves a dependency.
        let seed = || RandomState::new().hash_one(0_u8);
        Self::from_seeds(seed(), seed())
    }

    /// A source that gives the same numbers for the same seeds.
    #[must_use]
    pub fn from_seeds(start: u64, step: u64) -> Self {
        // An even step would visit only half of the states.
        Self {
            state: Cell::new(start),
            step: step | 1,
        }
    }

    /// The next number: a Weyl sequence, mixed by the finaliser of SplitMix64.
    #[must_use]
    pub fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(self.step);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between half and all of a time, so that processes that began together do not stay together.
    #[must_use]
    pub fn jittered(&self, time: Duration) -> Duration {
        let part = u32::try_from(self.next() % 1_024).unwrap_or(0);
        time / 2 + time / 2 * part / 1_024
    }
}

/// `number` as 16 lower-case hexadecimal digits.
pub(super) fn hex(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
        pair[1] = HEX_DIGITS[usize::from(byte & 0xf)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{IdSource, RequestId};
    use http::HeaderValue;

    #[test]
    fn generated_ids_are_32_digits_and_never_repeat() {
        let source = IdSource::from_seeds(1, 2);
        let ids: HashSet<_> = (0..10_000)
            .map(|_| RequestId::generate(&source).as_str().to_owned())
            .collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        );
    }

    #[test]
    fn a_given_id_that_could_forge_a_log_line_is_refused() {
        for (given, accepted) in [
            ("0af7651916cd43dd", true),
            ("req-1_2.3:4+5/6=7@8", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("a\tb", false),
        ] {
            let value = HeaderValue::from_str(given).unwrap();
            assert_eq!(RequestId::given(&value).is_some(), accepted, "{given:?}");
        }
        let long = HeaderValue::from_str(&"a".repeat(129)).unwrap();
        assert_eq!(RequestId::given(&long), None);
    }
}
