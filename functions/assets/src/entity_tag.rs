//! The strong entity tags of files (RFC 9110 §8.8.3). The tag of a file that is read at once is a hash of its content, so it is
//! the same on each server. An instance remembers tags until the length or the time of the file changes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::limits::{MAX_READ_AT_ONCE_BYTES, MAX_TAGS, PIECE_BYTES, SAMPLES};

/// The bytes of a hash that a tag has: enough that no two files have the same.
const TAG_BYTES: usize = 16;

thread_local! {
    static KNOWN: RefCell<HashMap<PathBuf, (Stamp, String)>> = RefCell::new(HashMap::new());
}

/// What changes with the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: SystemTime,
}

/// A file whose entity tag is known.
#[derive(Debug)]
pub(crate) struct Identified {
    /// The entity tag, with its quotes.
    pub(crate) tag: String,
    /// The length in bytes.
    pub(crate) length: u64,
    /// The content, if finding the tag has read all of it.
    pub(crate) content: Option<Bytes>,
}

/// Finds the entity tag of an open file.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn identify(path: &Path, file: &mut File) -> io::Result<Identified> {
    let metadata = file.metadata()?;
    let stamp = Stamp {
        length: metadata.len(),
        // Some file systems have no times. There, a file of the same length counts as unchanged while the instance lives.
        modified: metadata.modified().unwrap_or(UNIX_EPOCH),
    };
    if let Some(tag) = known(path, stamp) {
        return Ok(Identified {
            tag,
            length: stamp.length,
            content: None,
        });
    }
    let identified = if stamp.length <= MAX_READ_AT_ONCE_BYTES {
        by_content(file)?
    } else {
        Identified {
            tag: by_samples(file, stamp)?,
            length: stamp.length,
            content: None,
        }
    };
    remember(path, stamp, &identified.tag);
    Ok(identified)
}

fn known(path: &Path, stamp: Stamp) -> Option<String> {
    KNOWN.with_borrow(|known| {
        let (at, tag) = known.get(path)?;
        (*at == stamp).then(|| tag.clone())
    })
}

fn remember(path: &Path, stamp: Stamp, tag: &str) {
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MAX_TAGS {
            known.clear();
        }
        known.insert(path.to_owned(), (stamp, tag.to_owned()));
    });
}

fn by_content(file: &mut File) -> io::Result<Identified> {
    let mut content = Vec::new();
    file.take(MAX_READ_AT_ONCE_BYTES)
        .read_to_end(&mut content)?;
    Ok(Identified {
        tag: tag(&Sha256::digest(&content)),
        length: content.len() as u64,
        content: Some(content.into()),
    })
}

/// The tag of a file that is too long to read for it: of its length and time, which almost always differ between two
/// versions, and of pieces of it, because some tools give all files one time.
fn by_samples(file: &mut File, stamp: Stamp) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(stamp.length.to_le_bytes());
    let time = stamp.modified.duration_since(UNIX_EPOCH);
    hash.update(time.unwrap_or_default().as_nanos().to_le_bytes());
    let distance = (stamp.length - PIECE_BYTES) / (SAMPLES - 1);
    for sample in 0..SAMPLES {
        file.seek(SeekFrom::Start(sample * distance))?;
        let mut piece = Vec::new();
        file.take(PIECE_BYTES).read_to_end(&mut piece)?;
        hash.update(&piece);
    }
    Ok(tag(&hash.finalize()))
}

fn tag(hash: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in &hash[..TAG_BYTES] {
        write!(tag, "{byte:02x}").expect("a string takes all text");
    }
    tag.push('"');
    tag
}
