//! Entries, purges, restarts and what goes wrong with files.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::file::ENTRIES;
use super::*;
use crate::test_wait::until;

const MINUTE: Duration = Duration::from_secs(60);
const MIB: u64 = 1024 * 1024;

fn entry(variant: &str, tags: &[&str], value: impl AsRef<[u8]>) -> Entry {
    Entry {
        variant: variant.into(),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        value: value.as_ref().to_vec(),
    }
}

fn open(folder: &Path) -> Disk {
    Disk::open(folder, 64 * MIB, false).unwrap()
}

/// Opens the folder when the process before, which is this one, has let it go.
async fn open_again(folder: &Path) -> Disk {
    until("the folder is free", async || {
        Disk::open(folder, 64 * MIB, false).ok()
    })
    .await
}

async fn values(disk: &Disk, key: &str) -> Vec<String> {
    let found = disk.get(key).await.entries.into_iter();
    found
        .map(|entry| String::from_utf8(entry.value).unwrap())
        .collect()
}

/// Puts an entry until it is there: a disk that is late leaves entries out.
async fn put(disk: &Disk, key: &str, tags: &[&str], value: &str) {
    let since = disk.get(key).await.generation;
    let again = || {
        disk.put(key, entry("", tags, value), MINUTE, since);
    };
    until_values(disk, key, &[value], again).await;
}

/// Waits for values, and does something again and again for that.
async fn until_values(disk: &Disk, key: &str, expected: &[&str], again: impl Fn()) {
    until(&format!("{expected:?} under {key}"), async || {
        again();
        (values(disk, key).await == expected).then_some(())
    })
    .await;
}

/// The only file of entries.
fn file_in(folder: &Path) -> PathBuf {
    let parts = fs::read_dir(folder.join(ENTRIES)).unwrap();
    let mut files = parts.flat_map(|part| fs::read_dir(part.unwrap().path()).unwrap());
    files.next().unwrap().unwrap().path()
}

#[tokio::test]
async fn entries_survive_a_restart_and_so_do_purges() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    for (key, tag) in [("a", "x"), ("b", "y"), ("c/1", "z"), ("d", "z")] {
        put(&disk, key, &[tag], key).await;
    }
    disk.purge(&[Purged::Tag("x".into()), Purged::Prefix("c/".into())])
        .await;
    drop(disk);
    let disk = open_again(folder.path()).await;
    until_values(&disk, "b", &["b"], || ()).await;
    until_values(&disk, "d", &["d"], || ()).await;
    for key in ["a", "c/1", "never"] {
        assert!(values(&disk, key).await.is_empty(), "{key}");
    }
    // What comes after a purge counts.
    put(&disk, "a", &["x"], "new").await;
    disk.purge(&[Purged::All]).await;
    for key in ["a", "b", "c/1", "d"] {
        assert!(values(&disk, key).await.is_empty(), "{key}");
    }
}

#[tokio::test]
async fn what_was_purged_since_it_was_fetched_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    let since = disk.get("a").await.generation;
    disk.purge(&[Purged::Tag("x".into())]).await;
    let both = || {
        disk.put("a", entry("", &["x"], "old"), MINUTE, since);
        disk.put("a", entry("other", &[], "unrelated"), MINUTE, since);
    };
    until_values(&disk, "a", &["unrelated"], both).await;
}

#[tokio::test]
async fn variants_replace_each_other_and_are_bounded() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    let since = disk.get("a").await.generation;
    let twice = || {
        for value in ["1", "2"] {
            disk.put("a", entry("same", &[], value), MINUTE, since);
        }
    };
    until_values(&disk, "a", &["2"], twice).await;
    until("the last variant", async || {
        for number in 0..2 * limits::MAX_VARIANTS {
            disk.put("a", entry(&number.to_string(), &[], "v"), MINUTE, since);
        }
        let found = disk.get("a").await.entries;
        let last = found.iter().any(|one| one.variant == b"31");
        assert!(found.len() <= limits::MAX_VARIANTS);
        last.then_some(())
    })
    .await;
}

#[tokio::test]
async fn entries_end_and_owners_do_not_see_each_others() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    put(&disk, "a", &[], "one").await;
    disk.set_owner("other");
    assert!(values(&disk, "a").await.is_empty());
    disk.set_owner("");
    let since = disk.get("b").await.generation;
    disk.put("b", entry("", &[], "short"), Duration::ZERO, since);
    put(&disk, "c", &[], "later").await;
    assert!(values(&disk, "b").await.is_empty());
    until_values(&disk, "a", &["one"], || ()).await;
}

#[tokio::test]
async fn what_is_damaged_counts_as_nothing() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    put(&disk, "a", &[], "whole").await;
    // Nothing is to be written any more.
    drop(disk);
    let disk = open_again(folder.path()).await;
    until_values(&disk, "a", &["whole"], || ()).await;
    let path = file_in(folder.path());
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(values(&disk, "a").await.is_empty(), "{length}");
    }
    for place in 0..whole.len() {
        let mut other = whole.clone();
        other[place] ^= 1;
        fs::write(&path, other).unwrap();
        assert!(values(&disk, "a").await.is_empty(), "{place}");
    }
    fs::write(&path, whole).unwrap();
    until_values(&disk, "a", &["whole"], || ()).await;
}

#[tokio::test]
async fn a_log_that_is_damaged_or_gone_empties_the_folder() {
    for damage in [
        |path: &Path| fs::remove_file(path).unwrap(),
        |path: &Path| {
            let text = fs::read(path).unwrap();
            fs::write(path, &text[..text.len() - 1]).unwrap();
        },
        |path: &Path| {
            let mut text = fs::read(path).unwrap();
            *text.last_mut().unwrap() ^= 1;
            fs::write(path, text).unwrap();
        },
        |path: &Path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path).unwrap();
        },
        // Of another boot of the machine.
        |path: &Path| {
            let mut text = fs::read(path).unwrap();
            text[10] = b'?';
            fs::write(path, text).unwrap();
        },
    ] {
        let folder = TempDir::new().unwrap();
        let disk = open(folder.path());
        put(&disk, "a", &[], "old").await;
        disk.purge(&[Purged::Tag("x".into())]).await;
        drop(disk);
        drop(open_again(folder.path()).await);
        damage(&folder.path().join("purges"));
        let disk = open_again(folder.path()).await;
        put(&disk, "b", &[], "new").await;
        assert!(values(&disk, "a").await.is_empty());
    }
}

#[tokio::test]
async fn a_folder_is_of_one_process() {
    let folder = TempDir::new().unwrap();
    let first = open(folder.path());
    put(&first, "a", &[], "first").await;
    let error = Disk::open(folder.path(), MIB, false).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    // A successor waits for its predecessor, and begins empty.
    let successor = Disk::open(folder.path(), MIB, true).unwrap();
    assert!(values(&successor, "a").await.is_empty());
    drop(first);
    until("the successor has the folder", async || {
        let since = successor.get("b").await.generation;
        successor.put("b", entry("", &[], "second"), MINUTE, since);
        (values(&successor, "b").await == ["second"]).then_some(())
    })
    .await;
    assert!(values(&successor, "a").await.is_empty());
}

#[tokio::test]
async fn what_is_used_least_makes_room() {
    let folder = TempDir::new().unwrap();
    let disk = Disk::open(folder.path(), MIB, false).unwrap();
    let large = "x".repeat(100_000);
    put(&disk, "used", &[], "used").await;
    for number in 0..50 {
        put(&disk, &number.to_string(), &[], &large).await;
        until_values(&disk, "used", &["used"], || ()).await;
    }
    assert!(values(&disk, "0").await.is_empty());
    let parts = fs::read_dir(folder.path().join(ENTRIES)).unwrap();
    let files = parts.flat_map(|part| fs::read_dir(part.unwrap().path()).unwrap());
    let bytes: u64 = files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes <= MIB, "{bytes}");
}

/// Root may do anything, so the folders are replaced by files.
#[tokio::test]
async fn a_disk_that_fails_is_left_alone_for_a_while() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    put(&disk, "a", &[], "old").await;
    let entries = folder.path().join(ENTRIES);
    // What was put may be on its way to the disk still.
    until("a file is in the place of the folder", async || {
        let is_gone = fs::remove_dir_all(&entries).is_ok();
        (is_gone && File::create(&entries).is_ok()).then_some(())
    })
    .await;
    assert!(values(&disk, "a").await.is_empty());
    let since = disk.get("b").await.generation;
    until("it is noticed", async || {
        let is_taken = disk.put("b", entry("", &[], "new"), MINUTE, since);
        (!is_taken).then_some(())
    })
    .await;
    assert!(values(&disk, "b").await.is_empty());
    // Purges go on, and are in the log.
    let number = disk.purge(&[Purged::Tag("x".into())]).await;
    assert!(number > since);
}

#[tokio::test]
async fn many_purges_take_bounded_memory_and_forget_nothing_of_importance() {
    let folder = TempDir::new().unwrap();
    let disk = open(folder.path());
    put(&disk, "before", &["t"], "before").await;
    let purges: Vec<Purged> = (0..limits::MAX_TAGS + 10)
        .map(|number| Purged::Tag(format!("tag {number}")))
        .collect();
    for some in purges.chunks(10_000) {
        disk.purge(some).await;
    }
    assert!(values(&disk, "before").await.is_empty());
    put(&disk, "after", &["t"], "after").await;
    for number in 0..2 * limits::MAX_PREFIXES {
        disk.purge(&[Purged::Prefix(format!("p{number}/"))]).await;
    }
    assert!(values(&disk, "after").await.is_empty());
}
