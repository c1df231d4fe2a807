//! When compiled code is trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasmtime::{Config, Engine, OptLevel};

use super::{CompiledCache, Folder, KEY_FILE, OWNER_ONLY};

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
fn spoilt_files_are_not_trusted_but_replaced() {
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
    let spoils: [&dyn Fn(&Path); 5] = [&flipped, &truncated, &emptied, &unkeyed, &removed];
    for (number, spoil) in spoils.iter().enumerate() {
        for extension in ["cwasm", "blake3"] {
            let bed = Bed::new();
            bed.start();
            spoil(&bed.kept(extension)[0]);
            if !bed.kept("cwasm").is_empty() {
                assert!(!bed.is_recalled(), "{extension} spoilt in way {number}");
            }
            bed.start();
            assert!(bed.is_recalled(), "{extension} spoilt in way {number}");
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
