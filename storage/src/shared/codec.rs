//! An entry as bytes: the log's number before it was made, its tags, and what the cache put.

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The log's number before it was made.
    pub(super) number: u64,
    /// Its tags, beside those that follow from its key.
    pub(super) tags: Vec<String>,
    /// What the cache put.
    pub(super) value: Vec<u8>,
}

impl Kept {
    pub(super) fn encode(number: u64, tags: &[String], value: &[u8]) -> Vec<u8> {
        let texts: usize = tags.iter().map(|tag| 4 + tag.len()).sum();
        let mut bytes = Vec::with_capacity(12 + texts + value.len());
        bytes.extend(number.to_be_bytes());
        // Their number and lengths are far below the largest: they come from one head of a message.
        bytes.extend(length(tags.len()));
        for tag in tags {
            bytes.extend(length(tag.len()));
            bytes.extend(tag.as_bytes());
        }
        bytes.extend(value);
        bytes
    }

    /// `None` if somebody else wrote it.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, mut rest) = bytes.split_first_chunk()?;
        let count = take_length(&mut rest)?;
        let mut tags = Vec::new();
        for _ in 0..count {
            let length = take_length(&mut rest)?;
            let (tag, further) = rest.split_at_checked(length)?;
            tags.push(String::from_utf8(tag.to_vec()).ok()?);
            rest = further;
        }
        Some(Self {
            number: u64::from_be_bytes(*number),
            tags,
            value: rest.to_vec(),
        })
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let (length, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_went_and_nothing_else_is_one() {
        let tags = ["one".to_owned(), String::new()];
        let bytes = Kept::encode(7, &tags, b"value");
        let kept = Kept::decode(&bytes).unwrap();
        assert_eq!((kept.number, kept.tags.as_slice()), (7, &tags[..]));
        assert_eq!(kept.value, b"value");
        for end in 0..bytes.len() - b"value".len() {
            assert_eq!(Kept::decode(&bytes[..end]), None, "{end}");
        }
        assert_eq!(Kept::decode(&[255; 64]), None);
    }
}
