//! A stored response as bytes, for a shared level.
//!
//! Numbers are in network order, and texts follow their length. Times are of the wall clock, since caches that share a
//! level have no other clock in common. The time that a response was under way is added to its age.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `TEC` and the version |
//! | 2, 1 | status; whether its content may be compressed |
//! | 8, 8, 8 | in milliseconds: the response time since 1970, the response delay, the corrected initial age |
//! | 2, … | nominated fields: name, whether the request had it, its value |
//! | 2, … | fields: name, value |
//! | 1, 8, 4, … | whether it is whole; its length; the parts, each with its offset |

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, response};

use super::{SharedResponse, compact_fields};
use crate::rules::Policy;
use crate::rules::vary::VaryKey;
use crate::{Content, Moment, Representation, StoredResponse};

/// The format and its version. Other bytes are from another release, and count as a miss.
const BEGINNING: [u8; 4] = *b"TEC\x01";

/// Where the nominated fields begin.
const VARIANT_START: usize = 4 + 3 + 3 * 8;

/// Bytes that are no stored response, or one of another release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAStoredResponse;

impl std::fmt::Display for NotAStoredResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the shared level has something that is not a stored response of this release")
    }
}

impl std::error::Error for NotAStoredResponse {}

impl SharedResponse {
    /// A response for a shared level. `None` while its content is not complete, or when it never will be.
    #[must_use]
    pub fn encode(response: &StoredResponse) -> Option<Self> {
        let waited = response.response_time.since(response.request_time);
        let received = response.response_time.wall;
        let received = received.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let mut encoded = BytesMut::new();
        encoded.put_slice(&BEGINNING);
        encoded.put_u16(response.status.as_u16());
        encoded.put_u8(response.is_compressible.into());
        for time in [received, waited, response.corrected_initial_age] {
            encoded.put_u64(u64::try_from(time.as_millis()).ok()?);
        }
        put_variant(&mut encoded, &response.vary)?;
        let variant_end = encoded.len();
        put_fields(&mut encoded, &response.headers)?;
        put_representation(&mut encoded, &response.representation)?;
        let encoded = encoded.freeze();
        Some(Self {
            variant: encoded.slice(VARIANT_START..variant_end),
            encoded,
            is_marked_stale: response.is_marked_stale(),
        })
    }

    /// The response that was encoded, at `now`. `judge` gives the rules of its fields.
    ///
    /// # Errors
    /// [`NotAStoredResponse`], for which nothing is served.
    pub fn decode(
        &self,
        now: Moment,
        judge: impl FnOnce(&response::Parts) -> Policy,
    ) -> Result<StoredResponse, NotAStoredResponse> {
        let response = decode(self.encoded.clone(), now, judge).ok_or(NotAStoredResponse)?;
        if self.is_marked_stale {
            response.mark_stale();
        }
        Ok(response)
    }
}

fn put_text<'a>(encoded: &'a mut BytesMut, text: &[u8]) -> Option<&'a mut BytesMut> {
    encoded.put_u32(u32::try_from(text.len()).ok()?);
    encoded.put_slice(text);
    Some(encoded)
}

fn put_variant(encoded: &mut BytesMut, vary: &VaryKey) -> Option<()> {
    encoded.put_u16(u16::try_from(vary.normal_fields().len()).ok()?);
    for (name, value) in vary.normal_fields() {
        put_text(encoded, name.as_str().as_bytes())?.put_u8(value.is_some().into());
        put_text(encoded, value.unwrap_or_default())?;
    }
    Some(())
}

fn put_fields(encoded: &mut BytesMut, fields: &HeaderMap) -> Option<()> {
    encoded.put_u16(u16::try_from(fields.len()).ok()?);
    for (name, value) in fields {
        put_text(encoded, name.as_str().as_bytes())?;
        put_text(encoded, value.as_bytes())?;
    }
    Some(())
}

fn put_representation(encoded: &mut BytesMut, representation: &Representation) -> Option<()> {
    let whole;
    let (is_whole, length, parts) = match representation {
        Representation::Whole(content) => {
            whole = [(0, Arc::clone(content))];
            (true, content.length()?, &whole[..])
        }
        Representation::Parts {
            complete_length,
            parts,
        } => (false, *complete_length, &parts[..]),
    };
    encoded.put_u8(is_whole.into());
    encoded.put_u64(length);
    encoded.put_u32(u32::try_from(parts.len()).ok()?);
    for (offset, content) in parts {
        encoded.put_u64(*offset);
        encoded.put_u64(content.length()?);
        content.pieces().for_each(|piece| encoded.put_slice(piece));
    }
    Some(())
}

fn decode(
    mut encoded: Bytes,
    now: Moment,
    judge: impl FnOnce(&response::Parts) -> Policy,
) -> Option<StoredResponse> {
    let input = &mut encoded;
    if take(input, BEGINNING.len())? != BEGINNING[..] {
        return None;
    }
    let status = StatusCode::from_u16(input.try_get_u16().ok()?).ok()?;
    let is_compressible = take_bool(input)?;
    let mut time = || Some(Duration::from_millis(input.try_get_u64().ok()?));
    let (received, waited, initial_age) = (time()?, time()?, time()?);
    let vary = take_variant(input)?;
    let mut head = Response::new(()).into_parts().0;
    head.status = status;
    head.headers = take_fields(input)?;
    let representation = take_representation(input)?;
    if input.has_remaining() {
        return None;
    }
    let wall = SystemTime::UNIX_EPOCH.checked_add(received)?;
    // A clock that is behind the other's makes it no younger than it was.
    let under_way = now.wall.duration_since(wall).unwrap_or_default();
    let response_time = Moment { wall, ..now };
    let policy = judge(&head);
    let new = StoredResponse::new(
        status,
        head.headers,
        vary,
        policy,
        response_time,
        representation,
    );
    Some(StoredResponse {
        request_time: Moment {
            wall: wall.checked_sub(waited)?,
            monotonic: now.monotonic.saturating_sub(waited),
        },
        corrected_initial_age: initial_age.checked_add(under_way)?,
        is_compressible,
        ..new
    })
}

fn take(input: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= input.len()).then(|| input.split_to(length))
}

fn take_text(input: &mut Bytes) -> Option<Bytes> {
    let length = input.try_get_u32().ok()?;
    take(input, usize::try_from(length).ok()?)
}

fn take_bool(input: &mut Bytes) -> Option<bool> {
    match input.try_get_u8().ok()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn take_name(input: &mut Bytes) -> Option<HeaderName> {
    HeaderName::from_bytes(&take_text(input)?).ok()
}

fn take_variant(input: &mut Bytes) -> Option<VaryKey> {
    let count = input.try_get_u16().ok()?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let name = take_name(input)?;
        let is_there = take_bool(input)?;
        let value = take_text(input)?;
        fields.push((name, is_there.then(|| value[..].into())));
    }
    Some(VaryKey::of_normal_fields(fields))
}

fn take_fields(input: &mut Bytes) -> Option<HeaderMap> {
    let count = input.try_get_u16().ok()?;
    let mut fields = HeaderMap::new();
    for _ in 0..count {
        let name = take_name(input)?;
        let value = HeaderValue::from_maybe_shared(take_text(input)?).ok()?;
        fields.try_append(name, value).ok()?;
    }
    Some(compact_fields(&fields))
}

fn take_representation(input: &mut Bytes) -> Option<Representation> {
    let is_whole = take_bool(input)?;
    let complete_length = input.try_get_u64().ok()?;
    let count = input.try_get_u32().ok()?;
    let mut parts: Vec<(u64, Arc<Content>)> = Vec::new();
    let mut end = None;
    for _ in 0..count {
        let offset = input.try_get_u64().ok()?;
        let length = input.try_get_u64().ok()?;
        let is_apart = end.is_none_or(|end| end < offset);
        end = offset
            .checked_add(length)
            .filter(|end| *end <= complete_length);
        if !is_apart || end.is_none() {
            return None;
        }
        let bytes = take(input, usize::try_from(length).ok()?)?;
        parts.push((offset, Content::whole(bytes)));
    }
    match parts.as_slice() {
        [(0, content)] if is_whole && content.length() == Some(complete_length) => {
            Some(Representation::Whole(Arc::clone(content)))
        }
        [_, ..] if !is_whole => Some(Representation::Parts {
            complete_length,
            parts: parts.into(),
        }),
        _ => None,
    }
}
