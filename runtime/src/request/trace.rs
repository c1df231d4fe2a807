//! Owns W3C Trace Context: reading `traceparent` and `tracestate`, and writing them for the guest.
//! Recording spans is left to a later stage of the platform.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use super::id::{IdSource, hex};
use super::limits::{MAX_TRACESTATE_BYTES, MAX_TRACESTATE_MEMBERS};

/// The field that carries the trace and its caller.
pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The field that carries what tracing systems add to it.
pub(crate) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of version 00 (Trace Context §3.2.2): `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const TRACEPARENT_BYTES: usize = 55;

/// A request's place in its distributed trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace; never zero.
    pub trace_id: u128,
    /// The span of this server; never zero.
    pub span_id: u64,
    /// The span of the caller, if it sent one.
    pub parent_id: Option<u64>,
    /// The trace flags; bit 0 says that the caller records the trace.
    pub flags: u8,
}

impl TraceContext {
    /// Joins the caller's trace if `headers` carries a valid one, else starts a new one. The caller's `tracestate` stays
    /// only if it is valid.
    pub fn join(headers: &mut HeaderMap, source: &IdSource) -> Self {
        let trace = match received(headers) {
            Some(caller) => Self {
                span_id: nonzero(source),
                ..caller
            },
            None => Self::start(source),
        };
        if trace.parent_id.is_none() || !tracestate_is_valid(headers) {
            headers.remove(&TRACESTATE);
        }
        trace
    }

    /// The id of the whole trace, as logs write it.
    #[must_use]
    pub(crate) fn trace_id_digits(&self) -> [u8; 32] {
        let mut digits = [0; 32];
        digits[..16].copy_from_slice(&hex((self.trace_id >> 64) as u64));
        digits[16..].copy_from_slice(&hex(self.trace_id as u64));
        digits
    }

    /// A new trace that no caller records.
    #[must_use]
    pub fn start(source: &IdSource) -> Self {
        Self {
            trace_id: u128::from(nonzero(source)) << 64 | u128::from(source.next()),
            span_id: nonzero(source),
            parent_id: None,
            flags: 0,
        }
    }

    /// Has a request that a guest sends carry the trace on, unless the guest has seen to it.
    pub(crate) fn continue_in(&self, headers: &mut HeaderMap) {
        headers
            .entry(&TRACEPARENT)
            .or_insert_with(|| self.to_header_value());
    }

    /// The `traceparent` of a request that this server sends on.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&self.trace_id_digits());
        text[36..52].copy_from_slice(&hex(self.span_id));
        text[53..].copy_from_slice(&hex(u64::from(self.flags))[14..]);
        let value = HeaderValue::from_bytes(&text);
        value.expect("hexadecimal digits and hyphens are valid in a field value")
    }
}

fn nonzero(source: &IdSource) -> u64 {
    source.next().max(1)
}

/// The caller's context; `span_id` is still the caller's. Two fields are no context (§3.2.1).
fn received(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    parse(value.as_bytes())
}

fn parse(value: &[u8]) -> Option<TraceContext> {
    let (known, rest) = value.split_at_checked(TRACEPARENT_BYTES)?;
    let version = unhex(known.get(0..2)?)?;
    // Version ff is forbidden. A later version may append fields, and only after a hyphen (§3.2.2.1, §4.3).
    let rest_allowed = rest.is_empty() || (version != 0 && rest[0] == b'-');
    let hyphens = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
    if version == 0xff || !rest_allowed || !hyphens {
        return None;
    }
    let trace_id = unhex(&known[3..35])?;
    let parent_id = u64::try_from(unhex(&known[36..52])?).ok()?;
    let flags = u8::try_from(unhex(&known[53..55])?).ok()?;
    // Of the flags only bit 0 has a meaning in version 00; the others are not handed on (§3.2.2.5).
    (trace_id != 0 && parent_id != 0).then_some(TraceContext {
        trace_id,
        span_id: parent_id,
        parent_id: Some(parent_id),
        flags: flags & 1,
    })
}

/// A number in lower-case hexadecimal digits, the only ones allowed.
fn unhex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// Whether `tracestate` is absent or may be handed on: one bad member spoils the list (§3.3.1).
fn tracestate_is_valid(headers: &HeaderMap) -> bool {
    let (mut bytes, mut count) = (0, 0);
    for value in headers.get_all(&TRACESTATE) {
        bytes += value.len();
        for member in value.as_bytes().split(|&byte| byte == b',') {
            let member = member.trim_ascii();
            count += usize::from(!member.is_empty());
            if !member.is_empty() && !member_is_valid(member) {
                return false;
            }
        }
    }
    bytes <= MAX_TRACESTATE_BYTES && count <= MAX_TRACESTATE_MEMBERS
}

/// `key=value` as §3.3.1.3 spells it.
fn member_is_valid(member: &[u8]) -> bool {
    let Some(equals) = member.iter().position(|&byte| byte == b'=') else {
        return false;
    };
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let key_byte =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(byte);
    let value_byte = |byte: &u8| (0x20..=0x7e).contains(byte) && *byte != b',' && *byte != b'=';
    (1..=256).contains(&key.len())
        && (key[0].is_ascii_lowercase() || key[0].is_ascii_digit())
        && key.iter().all(key_byte)
        && (1..=256).contains(&value.len())
        && value.iter().all(value_byte)
}

#[cfg(test)]
mod tests;
