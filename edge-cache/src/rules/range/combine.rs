//! Combining parts of one representation (RFC 9111 §3.4).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::content_range;
use crate::limits::MAX_STORED_PARTS;
use crate::rules::validation::{freshen, same_strong_validator};
use crate::{Content, Representation, StoredResponse};

/// Part of a content: the offset of its first byte, and its bytes.
type Part = (u64, Arc<Content>);

/// A newer part of a representation, combined with the stored parts.
///
/// Parts are combined only if they have the same strong validator; otherwise the newer part replaces the older ones.
/// `None` if all of the representation is stored already.
#[must_use]
pub fn combine(stored: &StoredResponse, newer: StoredResponse) -> Option<StoredResponse> {
    let is_same = same_strong_validator(&stored.headers, &newer.headers);
    let (older_parts, older_length) = match &stored.representation {
        // Content that still arrives is as new.
        Representation::Whole(content) if is_same || content.length().is_none() => return None,
        Representation::Whole(_) => return Some(newer),
        Representation::Parts { .. } if !is_same => return Some(newer),
        Representation::Parts {
            complete_length,
            parts,
        } => (parts, *complete_length),
    };
    let Representation::Parts {
        complete_length,
        parts,
    } = &newer.representation
    else {
        return Some(newer);
    };
    if older_length != *complete_length {
        return Some(newer);
    }
    let Some(joined) = joined(older_parts, parts) else {
        return Some(newer);
    };
    let headers = freshen(&stored.headers, &newer.headers);
    let (headers, representation) = match joined.as_slice() {
        [(0, content)] if content.length() == Some(*complete_length) => (
            of_whole(headers, *complete_length),
            Representation::Whole(Arc::clone(content)),
        ),
        _ => {
            let (complete_length, parts) = (*complete_length, joined.into());
            (
                headers,
                Representation::Parts {
                    complete_length,
                    parts,
                },
            )
        }
    };
    Some(StoredResponse {
        headers,
        representation,
        ..newer
    })
}

/// The parts of both in order, those that touch as one; where they overlap, the newer bytes. `None` if they are too many,
/// or one is not complete.
fn joined(older: &[Part], newer: &[Part]) -> Option<Vec<Part>> {
    let newer = pieces(newer)?;
    let mut all = newer.clone();
    for (start, bytes) in pieces(older)? {
        all.extend(uncovered(start, bytes, &newer));
    }
    all.sort_by_key(|(start, _)| *start);
    let mut runs: Vec<(u64, u64, Vec<Bytes>)> = Vec::new();
    for (start, bytes) in all {
        let end = start + bytes.len() as u64;
        match runs.last_mut() {
            Some((_, reached, run)) if *reached == start => {
                *reached = end;
                run.push(bytes);
            }
            _ => runs.push((start, end, vec![bytes])),
        }
    }
    let parts = runs
        .into_iter()
        .map(|(start, _, run)| (start, Content::of_pieces(run.into_iter())));
    let parts: Vec<Part> = parts.collect();
    (parts.len() <= MAX_STORED_PARTS).then_some(parts)
}

/// All pieces of parts with their offsets, in order.
fn pieces(parts: &[Part]) -> Option<Vec<(u64, Bytes)>> {
    let mut pieces = Vec::new();
    for (start, content) in parts {
        content.length()?;
        let mut position = *start;
        for piece in content.pieces() {
            pieces.push((position, piece.clone()));
            position += piece.len() as u64;
        }
    }
    Some(pieces)
}

/// The gaps that some pieces, which are in order, leave in a range.
fn uncovered(mut start: u64, mut bytes: Bytes, pieces: &[(u64, Bytes)]) -> Vec<(u64, Bytes)> {
    let mut left = Vec::new();
    for (piece_start, piece) in pieces {
        let piece_end = piece_start + piece.len() as u64;
        let end = start + bytes.len() as u64;
        if bytes.is_empty() || *piece_start >= end {
            break;
        }
        if piece_end <= start {
            continue;
        }
        if *piece_start > start {
            let before = bytes.split_to(distance(start, *piece_start));
            left.push((start, before));
            start = *piece_start;
        }
        let covered = distance(start, piece_end.min(end));
        start += covered as u64;
        drop(bytes.split_to(covered));
    }
    if !bytes.is_empty() {
        left.push((start, bytes));
    }
    left
}

/// A distance within bytes in memory.
fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to - from).expect("both lie within bytes in memory")
}

/// The stored beginning of a representation, if the response that a 206 with these fields belongs to is its rest from this
/// offset to the end.
#[must_use]
pub fn beginning_that_fits<'a>(
    stored: &'a StoredResponse,
    rest: &HeaderMap,
    offset: u64,
) -> Option<&'a Arc<Content>> {
    let Representation::Parts {
        complete_length,
        parts,
    } = &stored.representation
    else {
        return None;
    };
    let range = content_range(rest)?;
    let fits = range.first == offset
        && range.complete_length == *complete_length
        && range.last + 1 == *complete_length
        && same_strong_validator(&stored.headers, rest);
    let (start, beginning) = parts.first()?;
    (fits && *start == 0 && beginning.length() == Some(offset)).then_some(beginning)
}

/// The fields of a representation that is combined of a stored beginning and its rest: those of the rest, then further ones
/// of the beginning (RFC 9111 §3.4).
#[must_use]
pub fn whole_headers(stored: &StoredResponse, rest: &HeaderMap) -> HeaderMap {
    let headers = freshen(&stored.headers, rest);
    match content_range(rest) {
        Some(range) => of_whole(headers, range.complete_length),
        None => headers,
    }
}

/// Fields as 200 has them.
fn of_whole(mut headers: HeaderMap, complete_length: u64) -> HeaderMap {
    headers.remove(header::CONTENT_RANGE);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(complete_length));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, stored_for, stored_parts};

    const TAG: (&str, &str) = ("etag", "\"a\"");

    fn parts(fields: &[(&'static str, &str)], parts: &[(u64, &'static str)]) -> StoredResponse {
        stored_parts(fields, 10, parts)
    }

    fn text(content: &Content) -> String {
        let bytes: Vec<Bytes> = content.pieces().cloned().collect();
        String::from_utf8(bytes.concat()).unwrap()
    }

    /// The parts after combining two, or the whole at offset 0.
    fn combined(one: &StoredResponse, other: StoredResponse) -> Vec<(u64, String)> {
        match combine(one, other).unwrap().representation {
            Representation::Whole(content) => vec![(0, text(&content))],
            Representation::Parts { parts, .. } => parts
                .iter()
                .map(|(start, part)| (*start, text(part)))
                .collect(),
        }
    }

    fn joined_with(
        older: &[(u64, &'static str)],
        newer: &[(u64, &'static str)],
    ) -> Vec<(u64, String)> {
        combined(&parts(&[TAG], older), parts(&[TAG], newer))
    }

    #[test]
    fn parts_with_one_strong_validator_are_joined_rfc_9111_3_4() {
        let expect = |parts: &[(u64, &str)]| -> Vec<_> {
            parts
                .iter()
                .map(|(start, part)| (*start, (*part).to_owned()))
                .collect()
        };
        assert_eq!(
            joined_with(&[(0, "01")], &[(4, "45")]),
            expect(&[(0, "01"), (4, "45")])
        );
        assert_eq!(
            joined_with(&[(4, "45")], &[(0, "0123")]),
            expect(&[(0, "012345")])
        );
        assert_eq!(
            joined_with(&[(0, "0123")], &[(2, "BC")]),
            expect(&[(0, "01BC")])
        );
        assert_eq!(
            joined_with(&[(2, "BC")], &[(0, "012345")]),
            expect(&[(0, "012345")])
        );
        assert_eq!(
            joined_with(&[(0, "012345")], &[(2, "B"), (4, "D")]),
            expect(&[(0, "01B3D5")])
        );
        assert_eq!(
            joined_with(&[(0, "01"), (8, "89")], &[(1, "1234567")]),
            expect(&[(0, "0123456789")])
        );
    }

    #[test]
    fn all_parts_are_the_whole_rfc_9111_3_4() {
        let joined = combine(
            &parts(&[TAG, ("a", "1"), ("b", "1")], &[(0, "01234")]),
            parts(&[TAG, ("a", "2"), ("content-range", "x")], &[(5, "56789")]),
        );
        let joined = joined.unwrap();
        assert!(matches!(joined.representation, Representation::Whole(_)));
        assert_eq!(
            joined.headers,
            headers(&[("b", "1"), TAG, ("a", "2"), ("content-length", "10")])
        );
    }

    #[test]
    fn parts_of_what_may_be_different_representations_are_not_joined_rfc_9111_3_4() {
        let alone = vec![(4, "45".to_owned())];
        let other = ("etag", "\"b\"");
        assert_eq!(
            combined(&parts(&[TAG], &[(0, "01")]), parts(&[other], &[(4, "45")])),
            alone
        );
        assert_eq!(
            combined(&parts(&[], &[(0, "01")]), parts(&[], &[(4, "45")])),
            alone
        );
        assert_eq!(
            combined(
                &stored_parts(&[TAG], 11, &[(0, "01")]),
                parts(&[TAG], &[(4, "45")])
            ),
            alone
        );
        assert_eq!(
            combined(&stored_for(&[], &[other]), parts(&[TAG], &[(4, "45")])),
            alone
        );
    }

    #[test]
    fn a_whole_gains_nothing_by_a_part_of_it() {
        assert!(combine(&stored_for(&[], &[TAG]), parts(&[TAG], &[(4, "45")])).is_none());
    }

    #[test]
    fn parts_are_bounded() {
        let every_other =
            |count: u64| -> Vec<_> { (0..count).map(|index| (index * 2, "x")).collect() };
        let many = every_other(MAX_STORED_PARTS as u64 - 1);
        let with = |parts: &[(u64, &'static str)]| {
            let older = stored_parts(&[TAG], 1_000, parts);
            combined(&older, stored_parts(&[TAG], 1_000, &[(900, "x")])).len()
        };
        assert_eq!(with(&many), MAX_STORED_PARTS);
        assert_eq!(with(&every_other(MAX_STORED_PARTS as u64)), 1);
    }

    #[test]
    fn a_beginning_is_completed_by_its_rest_rfc_9111_3_4() {
        let stored = parts(&[TAG, ("a", "1")], &[(0, "01234"), (7, "7")]);
        let rest = |range: &str| headers(&[TAG, ("content-range", range), ("content-length", "5")]);
        assert!(beginning_that_fits(&stored, &rest("bytes 5-9/10"), 5).is_some());
        for range in [
            "bytes 5-8/10",
            "bytes 4-9/10",
            "bytes 5-9/11",
            "bytes 5-10/11",
        ] {
            assert!(
                beginning_that_fits(&stored, &rest(range), 5).is_none(),
                "{range}"
            );
        }
        assert!(
            beginning_that_fits(&stored, &headers(&[("content-range", "bytes 5-9/10")]), 5)
                .is_none()
        );
        let whole = whole_headers(&stored, &rest("bytes 5-9/10"));
        assert_eq!(whole, headers(&[("a", "1"), TAG, ("content-length", "10")]));
    }
}
