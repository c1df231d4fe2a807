//! The memory that a stored response takes, in bytes.

use http::HeaderMap;

use super::Variants;
use crate::rules::key::CacheKey;
use crate::{Content, Representation, StoredResponse};

/// Each key, in bytes: a node and a place in the table of a list, a place among the ordered keys and one among the paths,
/// its share of the evicted keys, and what the allocator adds to each.
pub(super) const SLOT_BYTES: u64 = 288;

/// Each variant beside its fields and content: the response itself with its reference counts.
const RESPONSE_BYTES: u64 = size_of::<StoredResponse>() as u64 + 2 * WORD;

/// Each member of a group: its place in the index, with the free places of a table that has just doubled.
pub(super) const MEMBER_BYTES: u64 = 80;

/// A place in the table of fields, and its place in the order of them.
const FIELD_BYTES: u64 = 112;

/// Each content beside its bytes: itself, and the list of its pieces with one place.
const CONTENT_BYTES: u64 = size_of::<Content>() as u64 + 48;

/// Each piece of content: its place in the list.
const PIECE_BYTES: u64 = 40;

const WORD: u64 = size_of::<usize>() as u64;

/// A key with all of its responses.
pub(super) fn of_key(key: &CacheKey, variants: &Variants) -> u64 {
    let list = if variants.is_list() {
        2 * WORD + variants.len() as u64 * WORD
    } else {
        0
    };
    let responses = variants.iter().map(|stored| of_response(stored));
    SLOT_BYTES + key.as_str().len() as u64 + 2 * WORD + list + responses.sum::<u64>()
}

/// One response with its content as it is now.
pub(super) fn of_response(response: &StoredResponse) -> u64 {
    let groups = response.groups.count() as u64 * MEMBER_BYTES + response.groups.bytes() as u64;
    RESPONSE_BYTES
        + of_fields(&response.headers)
        + groups
        + response.vary.bytes() as u64
        + response.renditions.bytes()
        + of_representation(&response.representation)
}

/// Whether some of its content broke off.
pub(super) fn is_broken(response: &StoredResponse) -> bool {
    match &response.representation {
        Representation::Whole(content) => content.is_broken(),
        Representation::Parts { parts, .. } => parts.iter().any(|(_, part)| part.is_broken()),
    }
}

fn of_fields(fields: &HeaderMap) -> u64 {
    let texts = fields
        .iter()
        .map(|(name, value)| (name.as_str().len() + value.len()) as u64);
    fields.capacity() as u64 * FIELD_BYTES + texts.sum::<u64>()
}

fn of_representation(representation: &Representation) -> u64 {
    match representation {
        Representation::Whole(content) => of_content(content),
        Representation::Parts { parts, .. } => parts.iter().map(|(_, part)| of_content(part)).sum(),
    }
}

fn of_content(content: &Content) -> u64 {
    let pieces = content.pieces().count().saturating_sub(1) as u64;
    CONTENT_BYTES + pieces * PIECE_BYTES + content.received()
}
