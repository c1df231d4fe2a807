//! Bundles in memory: every byte counts.

mod compiled;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::archive::{self, Writer};
use super::index::FORMAT;
use super::limits::{MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES, MAX_INDEX_BYTES};
use super::read::{APP, INDEX, SEAL, read_from};
use super::seal::Seal;
use super::*;
use crate::fault::Reason;

/// A key of the tests, as `openssl genpkey -algorithm ed25519` writes one.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

/// The public half of another key (RFC 8032 §7.1, the second one), as `openssl pkey -pubout` writes it.
const OTHER: &str = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

fn key(folder: &Path) -> SigningKey {
    let file = folder.join("sign.pem");
    fs::write(&file, KEY).unwrap();
    SigningKey::read(&file).unwrap()
}

/// A small app's files in a folder.
fn contents(folder: &Path) -> Contents {
    let mut files = BTreeMap::new();
    for (path, text) in [
        ("spin.toml", "name = 1"),
        ("web/a.txt", "a"),
        ("x.wasm", ""),
    ] {
        let file = folder.join(path.replace('/', "-"));
        fs::write(&file, text).unwrap();
        files.insert(path.to_owned(), file);
    }
    Contents {
        app: "shop".into(),
        version: "1.2".into(),
        manifest: "spin.toml".into(),
        folders: BTreeSet::from(["empty".to_owned()]),
        files,
    }
}

/// A folder, and a bundle of its files.
fn bundle(signed: bool) -> (TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.terrace");
    let key = signed.then(|| key(folder.path()));
    let commit = Some("0123abc-dirty".to_owned());
    write(&contents(folder.path()), &[], commit, key.as_ref(), &file).unwrap();
    let bytes = fs::read(file).unwrap();
    (folder, bytes)
}

fn checked(bytes: &[u8]) -> Result<Bundle, Reason> {
    read_from(bytes, bytes.len() as u64, None, None)
}

fn refusal(bytes: &[u8]) -> Reason {
    checked(bytes).expect_err("it is refused")
}

/// A bundle with this index and these contents, which may break the rules, signed by nobody.
fn forged(index: &[u8], files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Writer(Vec::new());
    let digest = archive.entry(INDEX, index.len() as u64, index).unwrap();
    let seal = Seal::new(&digest, None).to_bytes().unwrap();
    archive.entry(SEAL, seal.len() as u64, &seal[..]).unwrap();
    for (path, text) in files {
        let name = format!("{APP}{path}");
        archive
            .entry(&name, text.len() as u64, text.as_bytes())
            .unwrap();
    }
    archive.end().unwrap();
    archive.0
}

fn index(paths: &[&str]) -> Index {
    let file = |path: &&str| IndexedFile {
        path: (*path).to_owned(),
        size: 1,
        sha256: archive::sha256(b"x"),
    };
    Index {
        format: FORMAT,
        app: "shop".into(),
        version: String::new(),
        commit: None,
        manifest: "spin.toml".into(),
        folders: Vec::new(),
        files: paths.iter().map(file).collect(),
        compiled: Vec::new(),
    }
}

#[test]
fn bundle_is_read_as_it_was_written() {
    let (folder, bytes) = bundle(true);
    let unpacked = folder.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let found = read_from(&bytes[..], bytes.len() as u64, None, Some(&unpacked)).unwrap();
    assert_eq!(found.signer, Some(key(folder.path()).public()));
    assert_eq!(found.index.commit.as_deref(), Some("0123abc-dirty"));
    let read = |path: &str| fs::read_to_string(unpacked.join(path)).unwrap();
    assert_eq!(read("web/a.txt"), "a");
    assert_eq!(
        (read("x.wasm").as_str(), read("spin.toml").as_str()),
        ("", "name = 1")
    );
    assert!(unpacked.join("empty").is_dir());
}

#[test]
fn bundle_that_was_cut_anywhere_is_refused() {
    for signed in [false, true] {
        let (_folder, bytes) = bundle(signed);
        for length in 0..bytes.len() {
            let reason = refusal(&bytes[..length]);
            assert!(reason.suggestion.is_some(), "cut at {length}: {reason:?}");
        }
    }
}

#[test]
fn bundle_with_a_changed_byte_is_refused_wherever_it_is() {
    for signed in [false, true] {
        let (_folder, bytes) = bundle(signed);
        let mut changed = bytes.clone();
        for place in 0..bytes.len() {
            for bit in [1, 0x20, 0x80] {
                changed[place] ^= bit;
                let result = checked(&changed);
                assert!(result.is_err(), "bit {bit} of byte {place} may change");
                changed[place] = bytes[place];
            }
        }
    }
}

#[test]
fn bundle_with_more_behind_it_is_refused() {
    let (_folder, mut bytes) = bundle(false);
    bytes.push(0);
    assert!(refusal(&bytes).message.contains("declares"));
    // Also if its length is not known.
    let error = read_from(&bytes[..], bytes.len() as u64 - 1, None, None);
    assert!(
        error
            .expect_err("it is refused")
            .message
            .contains("its end")
    );
}

#[test]
fn only_trusted_keys_count_if_there_are_any() {
    let (folder, signed) = bundle(true);
    let (_, unsigned) = bundle(false);
    let own = key(folder.path()).public();
    let other = PublicKey::parse(OTHER).unwrap();
    let read = |bytes: &[u8], trusted: &[PublicKey]| {
        read_from(bytes, bytes.len() as u64, Some(trusted), None).map_err(|reason| reason.message)
    };
    assert!(read(&signed, &[other, own]).is_ok());
    let error = read(&signed, &[other]).unwrap_err();
    assert!(error.contains(&own.to_string()), "{error}");
    let error = read(&unsigned, &[own]).unwrap_err();
    assert!(error.contains("not signed"), "{error}");
}

#[test]
fn signature_of_another_bundle_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = index(&["spin.toml"]);
    let other_digest = archive::sha256(&other.to_bytes().unwrap());
    other.app = "bank".into();
    let index = other.to_bytes().unwrap();
    let mut archive = Writer(Vec::new());
    let digest = archive
        .entry(INDEX, index.len() as u64, &index[..])
        .unwrap();
    let seal = Seal::new(&other_digest, Some(&key(folder.path())));
    let seal = String::from_utf8(seal.to_bytes().unwrap()).unwrap();
    let seal = seal.replace(&other_digest, &digest);
    archive
        .entry(SEAL, seal.len() as u64, seal.as_bytes())
        .unwrap();
    assert!(refusal(&archive.0).message.contains("signature"));
}

#[test]
fn keys_are_those_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let public = key(folder.path()).public().to_string();
    assert_eq!(PublicKey::parse(&public).unwrap().to_string(), public);
    // RFC 8032 §7.1, the first key.
    assert_eq!(
        public,
        "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
    for wrong in [
        "",
        "key",
        "MCowBQYDK2VwAyEA",
        &public[..56],
        "MCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ] {
        assert!(PublicKey::parse(wrong).is_err(), "{wrong}");
    }
    let file = folder.path().join("wrong.pem");
    for wrong in [
        "",
        "key",
        &KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        &KEY[..60],
    ] {
        fs::write(&file, wrong).unwrap();
        let fault = SigningKey::read(&file).err().expect("it is refused");
        assert!(
            fault
                .suggestion
                .is_some_and(|help| help.contains("openssl"))
        );
    }
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    let long = "x".repeat(300);
    let wrong = [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/.",
        "a/",
        "",
        "a\\b",
        "a\0b",
        "a\nb",
        &long,
    ];
    for path in wrong {
        let mut paths = ["spin.toml", path];
        paths.sort_unstable();
        let index = index(&paths).to_bytes().unwrap();
        let reason = refusal(&forged(&index, &[]));
        assert!(reason.suggestion.is_some(), "{path:?}: {reason:?}");
    }
    let mut folders = index(&["spin.toml"]);
    folders.folders = vec!["../a".into()];
    assert!(
        refusal(&forged(&folders.to_bytes().unwrap(), &[]))
            .message
            .contains("leaves")
    );
}

#[test]
fn links_and_other_kinds_of_entries_are_refused() {
    let index = index(&["a", "spin.toml"]).to_bytes().unwrap();
    let fine = forged(&index, &[("a", "x"), ("spin.toml", "x")]);
    assert!(checked(&fine).is_ok());
    let place = fine.windows(5).position(|found| found == b"app/a").unwrap();
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::GNUSparse,
    ] {
        let mut header = tar::Header::new_ustar();
        header
            .as_mut_bytes()
            .copy_from_slice(&fine[place..place + 512]);
        header.set_entry_type(kind);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        let mut bytes = fine.clone();
        bytes[place..place + 512].copy_from_slice(header.as_bytes());
        assert!(refusal(&bytes).message.contains("app/a"), "{kind:?}");
    }
}

#[test]
fn file_in_place_of_a_folder_is_refused() {
    for (paths, folders) in [
        (vec!["a", "a/b", "spin.toml"], vec![]),
        (vec!["a", "spin.toml"], vec!["a"]),
        (vec!["a", "spin.toml"], vec!["a/b"]),
        (vec!["a", "a", "spin.toml"], vec![]),
        (vec!["spin.toml", "a"], vec![]),
        (vec!["a"], vec![]),
    ] {
        let mut index = index(&paths);
        index.folders = folders.into_iter().map(str::to_owned).collect();
        refusal(&forged(&index.to_bytes().unwrap(), &[]));
    }
}

#[test]
fn declared_sizes_are_bounded_before_anything_is_read() {
    let mut huge = index(&["a", "spin.toml"]);
    for size in [MAX_BUNDLE_BYTES, u64::MAX, u64::MAX - 511] {
        huge.files[0].size = size;
        huge.files[1].size = size;
        let reason = refusal(&forged(&huge.to_bytes().unwrap(), &[]));
        assert!(reason.message.contains("declares"), "{reason:?}");
    }
    // A length that the file does not have.
    huge.files[0].size = MAX_BUNDLE_BYTES / 2;
    huge.files[1].size = 1;
    let reason = refusal(&forged(&huge.to_bytes().unwrap(), &[]));
    assert!(reason.message.contains("declares"), "{reason:?}");
    let names: Vec<String> = (0..=MAX_BUNDLE_FILES).map(|n| format!("{n:06}")).collect();
    let mut many = names.iter().map(String::as_str).collect::<Vec<_>>();
    many.push("spin.toml");
    let reason = refusal(&forged(&index(&many).to_bytes().unwrap(), &[]));
    assert!(reason.message.contains("files"), "{reason:?}");
    // The content behind these headers would never end.
    for name in [INDEX, SEAL] {
        let index = index(&["spin.toml"]).to_bytes().unwrap();
        let mut archive = Writer(Vec::new());
        if name == SEAL {
            archive
                .entry(INDEX, index.len() as u64, &index[..])
                .unwrap();
        }
        let declared = MAX_INDEX_BYTES + 1;
        let _ = archive.entry(name, declared, &b""[..]);
        let endless = archive.0.as_slice().chain(std::io::repeat(b' '));
        let reason = read_from(endless, 1 << 20, None, None).expect_err("it is refused");
        assert!(reason.message.contains("declared"), "{reason:?}");
    }
    assert!(read_from(std::io::repeat(0), MAX_BUNDLE_BYTES + 1, None, None).is_err());
}

#[test]
fn bundle_for_a_newer_version_says_so() {
    let mut newer = index(&["spin.toml"]);
    newer.format = FORMAT + 1;
    let text = String::from_utf8(newer.to_bytes().unwrap()).unwrap();
    let text = text.replacen("\"app\"", "\"news\": {}, \"app\"", 1);
    let reason = refusal(&forged(text.as_bytes(), &[("spin.toml", "x")]));
    assert!(
        reason.message.contains("another version of Terrace"),
        "{reason:?}"
    );
    assert!(
        reason
            .suggestion
            .is_some_and(|help| help.contains("update Terrace"))
    );
}

#[test]
fn same_contents_give_the_same_bytes() {
    let (_one, first) = bundle(true);
    let (_other, second) = bundle(true);
    assert_eq!(first, second);
}

#[test]
fn failed_writing_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut contents = contents(folder.path());
    let missing = folder.path().join("missing");
    contents.files.insert("z".into(), missing.clone());
    let output = folder.path().join("app.terrace");
    let fault = write(&contents, &[], None, None, &output).unwrap_err();
    assert_eq!(fault.file, missing);
    fs::create_dir(&output).unwrap();
    contents.files.remove("z");
    assert!(write(&contents, &[], None, None, &output).is_err());
    let left = fs::read_dir(folder.path()).unwrap();
    let left: Vec<PathBuf> = left.map(|entry| entry.unwrap().path()).collect();
    assert!(
        !left
            .iter()
            .any(|path| path.extension().is_some_and(|found| found == "new")),
        "{left:?}"
    );
}
