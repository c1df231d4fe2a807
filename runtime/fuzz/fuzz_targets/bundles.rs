//! Reads arbitrary bytes as a bundle: the archive, its index, its seal and its files. What was read is written the same way again, and
//! nothing is written outside of the folder.
#![no_main]
#![allow(
    dead_code,
    reason = "the modules of the runtime are for more than this"
)]

use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;

#[path = "../../src/bundle/archive.rs"]
mod archive;
#[path = "../../src/bundle/index.rs"]
mod index;
#[path = "../../src/bundle/key.rs"]
mod key;
#[path = "../../src/bundle/limits.rs"]
mod limits;
#[path = "../../src/bundle/read.rs"]
mod read;
#[path = "../../src/bundle/seal.rs"]
mod seal;

use archive::Writer;
use index::Index;
use key::PublicKey;
use read::{APP, INDEX, SEAL, read_from};
use seal::Seal;

/// As much of the runtime's as bundles need: that has further files, which are found beside it only by its own crate.
mod fault {
    use std::path::PathBuf;

    #[derive(Debug)]
    pub struct Reason {
        pub message: String,
        pub suggestion: Option<String>,
    }

    #[derive(Debug)]
    pub struct Fault {
        pub file: PathBuf,
        pub reason: Reason,
    }

    impl Reason {
        pub fn new(message: impl Into<String>) -> Self {
            let message = message.into();
            Self {
                message,
                suggestion: None,
            }
        }

        pub fn help(mut self, suggestion: impl Into<String>) -> Self {
            self.suggestion = Some(suggestion.into());
            self
        }
    }

    impl<T: Into<String>> From<T> for Reason {
        fn from(message: T) -> Self {
            Self::new(message)
        }
    }

    impl Fault {
        pub fn new(file: impl Into<PathBuf>, reason: impl Into<Reason>) -> Self {
            let (file, reason) = (file.into(), reason.into());
            Self { file, reason }
        }
    }
}

/// As the runtime has it.
#[derive(Debug)]
pub struct Bundle {
    pub index: Index,
    pub digest: String,
    pub signer: Option<PublicKey>,
}

fuzz_target!(|data: &[u8]| {
    if read_from(data, data.len() as u64, None, None).is_ok() {
        read_into_a_folder(data);
    }
    let _ = Index::parse(data);
    let _ = Seal::check(data, "");
    // A fuzzer that has to find a header, its checksum and a digest finds little else.
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (index, contents) = (parts.next().unwrap_or(&[]), parts.next().unwrap_or(&[]));
    if let Some(bundle) = sealed(index, contents) {
        read_into_a_folder(&bundle);
    }
});

/// A bundle with this index, in the one spelling that it may have, and with whatever contents.
fn sealed(index: &[u8], contents: &[u8]) -> Option<Vec<u8>> {
    let index: Index = serde_json::from_slice(index).ok()?;
    let bytes = index.to_bytes().ok()?;
    let mut archive = Writer(Vec::new());
    let digest = archive.entry(INDEX, bytes.len() as u64, &bytes[..]).ok()?;
    let seal = Seal::new(&digest, None).to_bytes().ok()?;
    archive.entry(SEAL, seal.len() as u64, &seal[..]).ok()?;
    let files = index
        .files
        .iter()
        .map(|file| (format!("{APP}{}", file.path), file.size));
    let compiled = index.compiled.iter().map(|code| (code.path(), code.size));
    let mut left = contents;
    for (name, size) in files.chain(compiled) {
        // What the index declares may be more than there is.
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(left.len());
        let (content, rest) = left.split_at(length);
        archive.entry(&name, length as u64, content).ok()?;
        left = rest;
    }
    archive.0.extend(left);
    archive.end().ok()?;
    Some(archive.0)
}

fn read_into_a_folder(data: &[u8]) {
    let place = tempfile::tempdir().expect("there is room");
    let folder = place.path().join("unpacked");
    fs::create_dir(&folder).expect("there is room");
    let length = data.len() as u64;
    let found = read_from(data, length, None, Some(&folder));
    let beside = fs::read_dir(place.path()).expect("it is there");
    assert_eq!(beside.count(), 1, "something was written outside");
    assert!(written(&folder) <= length);
    if let Ok(bundle) = found {
        let files = bundle.index.files.iter();
        assert_eq!(files.map(|file| file.size).sum::<u64>(), written(&folder));
        let again = Index::parse(&bundle.index.to_bytes().expect("it was read"));
        assert_eq!(again.expect("its own bytes"), bundle.index);
    }
}

/// How much is in all files below, in bytes.
fn written(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("it is there");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("it is there");
        let found = entry.metadata().expect("it is there");
        if found.is_dir() {
            written(&entry.path())
        } else {
            found.len()
        }
    });
    sizes.sum()
}
