//! When compiled code is trusted, and how long it is kept.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use wasmtime::{Config, Engine, OptLevel};

use super::prune::prune;
use super::{CompiledCache, Folder, KEY_FILE, OWNER_ONLY, read_or_make_key};
use crate::clock;
use crate::limits::{MAX_COMPILED_CODE_AGE_DAYS, MAX_COMPILED_CODE_BYTES, UNFINISHED_FILE_HOURS};

/// A folder with a component in it, and its cache.
struct Bed {
    folder: TempDir,
    engine: Engine,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("guest.wasm"),
            wat::parse_str("(component)").unwrap(),
        )
        .unwrap();
        Self {
            folder,
            engine: Engine::default(),
        }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Loads the component as at a start.
    fn start(&self) {
        let cache = CompiledCache::open(Some(&self.cache()), &self.engine);
        let source = self.folder.path().join("guest.wasm");
        let wasm = fs::read(&source).unwrap();
        cache.component(&self.engine, &source, &wasm).unwrap();
    }

    /// The files of that kind in the cache.
    fn kept(&self, extension: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.cache()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        files
            .filter(|file| file.extension().is_some_and(|found| found == extension))
            .collect()
    }

    /// Whether the code that was kept is used by `engine`.
    fn is_recalled_by(&self, engine: &Engine) -> bool {
        let code = &self.kept("cwasm")[0];
        let name = code.file_stem().unwrap().to_str().unwrap();
        Folder::open(&self.cache())
            .unwrap()
            .recall(engine, name)
            .is_some()
    }

    fn is_recalled(&self) -> bool {
        self.is_recalled_by(&self.engine)
    }
}

#[test]
fn code_is_compiled_once() {
    let bed = Bed::new();
    bed.start();
    assert!(bed.is_recalled());
    let written = fs::metadata(&bed.kept("cwasm")[0])
        .unwrap()
        .modified()
        .unwrap();
    bed.start();
    assert_eq!(
        fs::metadata(&bed.kept("cwasm")[0])
            .unwrap()
            .modified()
            .unwrap(),
        written
    );
}

#[test]
fn damaged_files_are_not_trusted_but_replaced() {
    let flipped = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let truncated = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    };
    let emptied = |path: &Path| fs::write(path, "").unwrap();
    let unkeyed = |path: &Path| {
        let digest = blake3::hash(&fs::read(path.with_extension("cwasm")).unwrap());
        fs::write(path.with_extension("blake3"), digest.as_bytes()).unwrap();
    };
    let removed = |path: &Path| fs::remove_file(path).unwrap();
    let damages: [&dyn Fn(&Path); 5] = [&flipped, &truncated, &emptied, &unkeyed, &removed];
    for (number, damage) in damages.iter().enumerate() {
        for extension in ["cwasm", "blake3"] {
            let bed = Bed::new();
            bed.start();
            damage(&bed.kept(extension)[0]);
            if !bed.kept("cwasm").is_empty() {
                assert!(!bed.is_recalled(), "{extension} damaged in way {number}");
            }
            bed.start();
            assert!(bed.is_recalled(), "{extension} damaged in way {number}");
        }
    }
}

#[test]
fn code_that_another_key_vouches_for_is_not_trusted() {
    let bed = Bed::new();
    bed.start();
    fs::write(bed.cache().join(KEY_FILE), [7; blake3::KEY_LEN]).unwrap();
    assert!(!bed.is_recalled());
}

#[test]
fn a_damaged_key_is_replaced() {
    let bed = Bed::new();
    bed.start();
    fs::write(bed.cache().join(KEY_FILE), "short").unwrap();
    bed.start();
    assert!(bed.is_recalled());
}

#[test]
fn code_of_an_engine_with_other_settings_is_not_used() {
    let bed = Bed::new();
    bed.start();
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::None);
    let other = Engine::new(&config).unwrap();
    assert!(!bed.is_recalled_by(&other));
    let bed = Bed {
        engine: other,
        ..bed
    };
    bed.start();
    assert_eq!(bed.kept("cwasm").len(), 2);
}

#[test]
fn the_folder_and_its_files_are_their_owners_alone() {
    let bed = Bed::new();
    fs::create_dir(bed.cache()).unwrap();
    fs::set_permissions(bed.cache(), fs::Permissions::from_mode(0o777)).unwrap();
    bed.start();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bed.cache()), OWNER_ONLY);
    assert_eq!(mode(&bed.cache().join(KEY_FILE)), 0o600);
    assert_eq!(mode(&bed.kept("cwasm")[0]), 0o600);
}

#[test]
fn a_folder_that_cannot_be_made_is_done_without() {
    let bed = Bed::new();
    fs::write(bed.cache(), "a file").unwrap();
    bed.start();
    assert_eq!(fs::read(bed.cache()).unwrap(), b"a file");
}

#[test]
fn nothing_half_written_is_left_behind() {
    let bed = Bed::new();
    bed.start();
    assert!(bed.kept("new").is_empty());
}

#[test]
fn a_file_that_could_not_be_written_leaves_nothing_behind() {
    let bed = Bed::new();
    bed.start();
    let code = bed.kept("cwasm").remove(0);
    let digest = code.with_extension("blake3");
    fs::remove_file(&digest).unwrap();
    fs::create_dir(&digest).unwrap();
    bed.start();
    assert!(bed.kept("new").is_empty());
}

/// How long ago something happened.
fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// Code of so many bytes, which was used last `ago`.
fn code(folder: &Path, name: &str, bytes: u64, ago: Duration) {
    let path = folder.join(name).with_extension("cwasm");
    File::create(&path).unwrap().set_len(bytes).unwrap();
    let digest = File::create(path.with_extension("blake3")).unwrap();
    digest.set_modified(clock::time_of_day() - ago).unwrap();
}

/// The names of the code that is left, sorted.
fn left(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn code_that_nobody_uses_is_removed_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    code(
        folder.path(),
        "old",
        1,
        days(MAX_COMPILED_CODE_AGE_DAYS + 1),
    );
    code(
        folder.path(),
        "used",
        1,
        days(MAX_COMPILED_CODE_AGE_DAYS - 1),
    );
    fs::write(folder.path().join(KEY_FILE), "").unwrap();
    prune(folder.path(), clock::time_of_day());
    assert_eq!(left(folder.path()), [KEY_FILE, "used.blake3", "used.cwasm"]);
}

#[test]
fn code_that_was_used_longest_ago_makes_room_for_other() {
    let folder = tempfile::tempdir().unwrap();
    let half = MAX_COMPILED_CODE_BYTES / 2;
    code(folder.path(), "a", half, days(3));
    code(folder.path(), "b", half, days(1));
    code(folder.path(), "c", half, days(2));
    prune(folder.path(), clock::time_of_day());
    assert_eq!(
        left(folder.path()),
        ["b.blake3", "b.cwasm", "c.blake3", "c.cwasm"]
    );
}

#[test]
fn a_use_of_code_is_noted() {
    let bed = Bed::new();
    bed.start();
    let digest = bed.kept("blake3").remove(0);
    let long_ago = clock::time_of_day() - days(MAX_COMPILED_CODE_AGE_DAYS - 1);
    File::options()
        .write(true)
        .open(&digest)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    bed.start();
    let used = fs::metadata(&digest).unwrap().modified().unwrap();
    assert!(used > long_ago + days(1));
}

#[test]
fn files_that_a_killed_process_did_not_finish_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = |name: &str, ago: Duration| {
        let file = File::create(folder.path().join(name)).unwrap();
        file.set_modified(clock::time_of_day() - ago).unwrap();
    };
    unfinished("a.1.new", Duration::from_hours(UNFINISHED_FILE_HOURS + 1));
    unfinished("b.2.new", Duration::ZERO);
    prune(folder.path(), clock::time_of_day());
    assert_eq!(left(folder.path()), ["b.2.new"]);
}

#[test]
fn a_clock_that_was_set_back_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    code(folder.path(), "a", 1, Duration::ZERO);
    prune(folder.path(), SystemTime::UNIX_EPOCH);
    assert_eq!(left(folder.path()), ["a.blake3", "a.cwasm"]);
}

#[test]
fn code_that_another_process_removes_stays_usable_and_is_compiled_again() {
    let bed = Bed::new();
    bed.start();
    let cache = CompiledCache::open(Some(&bed.cache()), &bed.engine);
    let wasm = wat::parse_str("(component)").unwrap();
    let load = || {
        cache
            .component(&bed.engine, Path::new("guest.wasm"), &wasm)
            .unwrap()
    };
    let mapped = load();
    for path in bed.kept("cwasm").iter().chain(&bed.kept("blake3")) {
        fs::remove_file(path).unwrap();
    }
    assert!(mapped.serialize().is_ok());
    drop(load());
    assert!(bed.is_recalled());
}

#[test]
fn processes_that_start_at_once_share_one_key_and_their_code() {
    let bed = Bed::new();
    fs::create_dir(bed.cache()).unwrap();
    let key = bed.cache().join(KEY_FILE);
    let keys: Vec<_> = std::thread::scope(|scope| {
        let made: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| read_or_make_key(&key).unwrap()))
            .collect();
        made.into_iter().map(|made| made.join().unwrap()).collect()
    });
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bed.start());
        }
    });
    assert_eq!(bed.kept("cwasm").len(), 1);
    assert!(bed.kept("new").is_empty());
    assert!(bed.is_recalled());
}

#[test]
fn code_that_was_adopted_is_used_and_nonsense_is_compiled_again() {
    let bed = Bed::new();
    let wasm = fs::read(bed.folder.path().join("guest.wasm")).unwrap();
    let digest = blake3::hash(&wasm);
    let code = bed.engine.precompile_component(&wasm).unwrap();
    for adopted in [&b"nonsense"[..], &code] {
        let _ = fs::remove_dir_all(bed.cache());
        let cache = CompiledCache::open(Some(&bed.cache()), &bed.engine);
        cache.adopt(&digest, adopted).unwrap();
        assert_eq!(fs::read(&bed.kept("cwasm")[0]).unwrap(), adopted);
        bed.start();
        assert!(bed.is_recalled());
        // What is kept stays.
        cache.adopt(&digest, b"other").unwrap();
        assert!(bed.is_recalled());
    }
    assert!(
        CompiledCache::open(None, &bed.engine)
            .adopt(&digest, &code)
            .is_err()
    );
}
