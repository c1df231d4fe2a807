//! Joining parts of one representation (RFC 9111 §3.4).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::content_range;
use crate::content::Content;
use crate::rules::validation::{freshen, strong_validator};
use crate::stored_response::{Representation, StoredResponse};

/// The most parts of one representation that are kept apart. A response with more is replaced by its newest part.
const MAX_PARTS: usize = 32;

/// Two responses with parts as one with all of them, which has the newer's fields. Where they are not known to be of the
/// same representation, which takes the same strong validator and length, the newer one alone; `None` if the stored one is
/// whole and remains.
#[must_use]
pub fn combine(stored: &StoredResponse, newer: StoredResponse) -> Option<StoredResponse> {
    let same = strong_validator(&stored.headers)
        .is_some_and(|validator| strong_validator(&newer.headers) == Some(validator));
    let joined = match (&stored.representation, &newer.representation) {
        (Representation::Whole(content), _) if same || content.length().is_none() => return None,
        (
            Representation::Parts {
                complete_length,
                parts,
            },
            Representation::Parts {
                complete_length: newer_length,
                parts: newer_parts,
            },
        ) if same && complete_length == newer_length => join(parts, newer_parts, *complete_length),
        _ => return Some(newer),
    };
    let Some(representation) = joined else {
        return Some(newer);
    };
    Some(StoredResponse {
        headers: freshen(&stored.headers, &newer.headers),
        representation,
        ..newer
    })
}

type Parts = [(u64, Arc<Content>)];

/// All parts in order, those that overlap or touch made one; the whole if nothing is missing.
fn join(old: &Parts, new: &Parts, complete_length: u64) -> Option<Representation> {
    let mut all: Vec<(u64, Vec<Bytes>)> = Vec::new();
    let mut parts: Vec<_> = old.iter().chain(new).collect();
    parts.sort_by_key(|(start, _)| *start);
    for (start, content) in parts {
        content.length()?;
        let pieces: Vec<Bytes> = content.pieces().cloned().collect();
        match all.last_mut() {
            Some((before, joined)) if *before + length(joined) >= *start => {
                let overlap = *before + length(joined) - start;
                joined.extend(without_first(pieces, overlap));
            }
            _ => all.push((*start, pieces)),
        }
    }
    if let [(0, pieces)] = all.as_slice()
        && length(pieces) == complete_length
    {
        return Some(Representation::Whole(Content::of_pieces(
            pieces.iter().cloned(),
        )));
    }
    if all.len() > MAX_PARTS {
        return None;
    }
    let parts = all
        .into_iter()
        .map(|(start, pieces)| (start, Content::of_pieces(pieces.into_iter())));
    Some(Representation::Parts {
        complete_length,
        parts: parts.collect(),
    })
}

fn length(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// The pieces without their first bytes, of which there may be fewer.
fn without_first(pieces: Vec<Bytes>, mut count: u64) -> impl Iterator<Item = Bytes> {
    pieces.into_iter().filter_map(move |mut piece| {
        let skipped = usize::try_from(count).map_or(piece.len(), |count| count.min(piece.len()));
        count -= skipped as u64;
        let rest = piece.split_off(skipped);
        (!rest.is_empty()).then_some(rest)
    })
}

/// The stored beginning that ends at `offset`, if the response with these fields has the rest of the same representation.
#[must_use]
pub fn beginning_that_fits(
    stored: &StoredResponse,
    rest: &HeaderMap,
    offset: u64,
) -> Option<Arc<Content>> {
    let Representation::Parts {
        complete_length,
        parts,
    } = &stored.representation
    else {
        return None;
    };
    let (0, beginning) = parts.first()? else {
        return None;
    };
    let range = content_range(rest)?;
    let same = strong_validator(&stored.headers)
        .is_some_and(|validator| strong_validator(rest) == Some(validator));
    let fits = range.first == offset
        && range.last + 1 == *complete_length
        && range.complete_length == *complete_length
        && beginning.length() == Some(offset);
    (same && fits).then(|| Arc::clone(beginning))
}

/// The fields of the whole, made of those of a stored part and of the rest.
#[must_use]
pub fn whole_headers(stored: &StoredResponse, rest: &HeaderMap) -> HeaderMap {
    let mut headers = freshen(&stored.headers, rest);
    headers.remove(header::CONTENT_RANGE);
    match stored.complete_length() {
        Some(length) => headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.remove(header::CONTENT_LENGTH),
    };
    headers
}
