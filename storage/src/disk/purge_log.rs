//! The file with the purges, in order. Each record has a checksum. A log that cannot be read to its end, or is of another boot of the
//! machine, is as good as none: purges may be missing at its end.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::limits::MAX_LOG_BYTES;
use super::marks::{Marks, Record};

/// The file's name.
const NAME: &str = "purges";

/// The format and its version.
const BEGINNING: [u8; 4] = *b"TPL\x01";

/// The kinds of records.
const TAG: u8 = 1;
const PREFIX: u8 = 2;
const FLOOR: u8 = 3;

/// The bytes of a record's checksum.
const CHECK_BYTES: usize = 8;

/// What the log may have beyond [`MAX_LOG_BYTES`]: the records of one call.
const LOG_SLACK_BYTES: u64 = 16 * 1024 * 1024;

/// A name for this boot of the machine; empty where the system does not tell. Power that fails loses the end of the log.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// The log that is appended to.
#[derive(Debug)]
pub(super) struct PurgeLog {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// Reads the log into the marks. `None` if there is none that counts.
pub(super) fn read(folder: &Path, marks: &mut Marks) -> Option<PurgeLog> {
    let path = folder.join(NAME);
    let is_log = |metadata: &fs::Metadata| {
        metadata.is_file() && metadata.len() <= MAX_LOG_BYTES + LOG_SLACK_BYTES
    };
    fs::symlink_metadata(&path).ok().filter(is_log)?;
    let text = fs::read(&path).ok()?;
    let records = parse(&text, &boot())?;
    records.iter().for_each(|record| marks.apply(record));
    let file = File::options().append(true).open(&path).ok()?;
    let bytes = text.len() as u64;
    Some(PurgeLog { path, file, bytes })
}

fn parse(text: &[u8], boot: &str) -> Option<Vec<Record>> {
    let mut left = text.strip_prefix(&BEGINNING)?;
    let written = take_text(&mut left)?;
    if boot.is_empty() || written != boot.as_bytes() {
        return None;
    }
    let mut records = Vec::new();
    while !left.is_empty() {
        records.push(parse_one(&mut left)?);
    }
    Some(records)
}

fn parse_one(left: &mut &[u8]) -> Option<Record> {
    let content = take_text(left)?;
    let check = left.split_off(..CHECK_BYTES)?;
    if blake3::hash(content).as_bytes()[..CHECK_BYTES] != *check {
        return None;
    }
    let (kind, rest) = content.split_first()?;
    let (number, rest) = rest.split_first_chunk()?;
    let number = u64::from_be_bytes(*number);
    match *kind {
        TAG => Some(Record::Tag(
            number,
            u64::from_be_bytes(rest.try_into().ok()?),
        )),
        PREFIX => Some(Record::Prefix(
            number,
            String::from_utf8(rest.to_vec()).ok()?,
        )),
        FLOOR if rest.is_empty() => Some(Record::Floor(number)),
        _ => None,
    }
}

fn take_text<'t>(left: &mut &'t [u8]) -> Option<&'t [u8]> {
    let length = left.split_off(..4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    left.split_off(..usize::try_from(length).ok()?)
}

fn put_text(text: &mut Vec<u8>, content: &[u8]) {
    let length = u32::try_from(content.len()).expect("keys are far below 4 GiB");
    text.extend(length.to_be_bytes());
    text.extend(content);
}

fn put_record(text: &mut Vec<u8>, record: &Record) {
    let (kind, number, rest) = match record {
        Record::Tag(number, tag) => (TAG, number, tag.to_be_bytes().to_vec()),
        Record::Prefix(number, prefix) => (PREFIX, number, prefix.clone().into_bytes()),
        Record::Floor(number) => (FLOOR, number, Vec::new()),
    };
    let content = [&[kind][..], &number.to_be_bytes(), &rest].concat();
    put_text(text, &content);
    text.extend(&blake3::hash(&content).as_bytes()[..CHECK_BYTES]);
}

impl PurgeLog {
    /// Writes a log of what the marks remember, in the place of the one before.
    pub(super) fn create(folder: &Path, marks: &Marks) -> io::Result<Self> {
        let mut text = BEGINNING.to_vec();
        put_text(&mut text, boot().as_bytes());
        for record in marks.records() {
            put_record(&mut text, &record);
        }
        let (path, new) = (folder.join(NAME), folder.join("purges.new"));
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        fs::rename(&new, &path)?;
        let bytes = text.len() as u64;
        Ok(Self { path, file, bytes })
    }

    /// Appends purges.
    pub(super) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let mut text = Vec::new();
        for record in records {
            put_record(&mut text, record);
        }
        self.bytes += text.len() as u64;
        self.file.write_all(&text)
    }

    /// Whether it is time to write it anew.
    pub(super) fn is_long(&self) -> bool {
        self.bytes > MAX_LOG_BYTES
    }

    /// Removes the file: without it, no entry counts.
    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
