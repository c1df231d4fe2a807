//! The file of one key: all variants, with a checksum over all of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Entry;
use super::limits::MAX_FILE_BYTES;
use super::marks::Marks;

/// The format and its version.
const BEGINNING: [u8; 4] = *b"TDE\x01";

/// The bytes of the checksum.
const CHECK_BYTES: usize = 32;

/// The folder of the files.
pub(super) const ENTRIES: &str = "entries";

/// The name of a file: a hash of owner and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) [u8; 16]);

/// An entry with what it needs to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// How many purges there were when it was fetched.
    pub(super) number: u64,
    /// When it ends.
    pub(super) end: SystemTime,
    pub(super) entry: Entry,
}

impl Name {
    pub(super) fn of(owner: &str, key: &str) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&(owner.len() as u64).to_be_bytes());
        hash.update(owner.as_bytes()).update(key.as_bytes());
        let hash = hash.finalize();
        Self(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    /// The name in a file's; `None` for a file of somebody else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_ours = text.len() == 32;
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_ours)?;
        Some(Self(number.to_be_bytes()))
    }

    /// The file. 256 folders keep each of them short.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        let number = u128::from_be_bytes(self.0);
        let name = format!("{number:032x}");
        folder.join(ENTRIES).join(&name[..2]).join(name)
    }
}

impl Kept {
    /// Whether it is neither over nor out of date.
    pub(super) fn is_valid(&self, key: &str, marks: &Marks, now: SystemTime) -> bool {
        let tags = self.entry.tags.iter().map(String::as_str);
        self.end > now && !marks.mean(self.number, key, tags)
    }
}

/// The entries in a file. One that is damaged, or of another name, has none.
pub(super) fn read(path: &Path, name: &Name) -> io::Result<Vec<Kept>> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Ok(Vec::new());
    }
    let text = fs::read(path)?;
    Ok(parse(&text, name).unwrap_or_default())
}

fn parse(text: &[u8], name: &Name) -> Option<Vec<Kept>> {
    let (check, content) = text.split_first_chunk::<CHECK_BYTES>()?;
    let mut left = content.strip_prefix(&BEGINNING)?.strip_prefix(&name.0)?;
    if blake3::hash(content) != *check {
        return None;
    }
    let mut entries = Vec::new();
    while !left.is_empty() {
        entries.push(parse_one(&mut left)?);
    }
    Some(entries)
}

fn parse_one(left: &mut &[u8]) -> Option<Kept> {
    let number = take_number(left)?;
    let end = UNIX_EPOCH.checked_add(Duration::from_millis(take_number(left)?))?;
    let variant = take_bytes(left)?.to_vec();
    let mut tags = Vec::new();
    for _ in 0..take_number(left)? {
        tags.push(String::from_utf8(take_bytes(left)?.to_vec()).ok()?);
    }
    let value = take_bytes(left)?.to_vec();
    let entry = Entry {
        variant,
        tags,
        value,
    };
    Some(Kept { number, end, entry })
}

fn take_number(left: &mut &[u8]) -> Option<u64> {
    let number = left.split_off(..8)?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

fn take_bytes<'t>(left: &mut &'t [u8]) -> Option<&'t [u8]> {
    let length = take_number(left)?;
    left.split_off(..usize::try_from(length).ok()?)
}

/// The text of a file with these entries.
pub(super) fn text(name: &Name, entries: &[Kept]) -> Vec<u8> {
    let mut text = vec![0; CHECK_BYTES];
    text.extend(BEGINNING);
    text.extend(name.0);
    for Kept { number, end, entry } in entries {
        let end = end.duration_since(UNIX_EPOCH).unwrap_or_default();
        let end = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
        text.extend(number.to_be_bytes());
        text.extend(end.to_be_bytes());
        put_bytes(&mut text, &entry.variant);
        text.extend((entry.tags.len() as u64).to_be_bytes());
        for tag in &entry.tags {
            put_bytes(&mut text, tag.as_bytes());
        }
        put_bytes(&mut text, &entry.value);
    }
    let check = blake3::hash(&text[CHECK_BYTES..]);
    text[..CHECK_BYTES].copy_from_slice(check.as_bytes());
    text
}

fn put_bytes(text: &mut Vec<u8>, bytes: &[u8]) {
    text.extend((bytes.len() as u64).to_be_bytes());
    text.extend(bytes);
}
