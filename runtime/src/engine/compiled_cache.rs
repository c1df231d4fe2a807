//! Compiled code on disk. It lasts between starts, and all processes with the same folder share it.
//!
//! Compiled code is native code: whoever can choose the file controls the process. So each file has a digest (keyed BLAKE3)
//! whose key is in the same folder and readable only by its owner. If the digest does not match, because the file is
//! damaged, incomplete or foreign, the component is compiled again.
//!
//! Processes need no lock: a file gets its final name when it is complete, and a removed file stays readable for processes
//! that have it open or mapped. The modification time of the digest is the last use of the code. [`prune`] removes old code
//! and code beyond a total size.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::LoadError;
use super::target::fingerprint;
use crate::clock;

use files::{put, put_new};
use prune::{DIGEST, prune};

mod files;
mod prune;

/// Only the owner can read or change the folder.
const OWNER_ONLY: u32 = 0o700;
/// The file with the key.
const KEY_FILE: &str = "key";

/// A folder of compiled components. Without a folder, every component is compiled at each start.
pub(super) struct CompiledCache {
    folder: Option<Folder>,
    compatibility: blake3::Hash,
}

struct Folder {
    path: PathBuf,
    key: [u8; blake3::KEY_LEN],
}

impl CompiledCache {
    /// Opens the cache. A folder that can't be used is logged, and the cache works without it.
    pub(super) fn open(path: Option<&Path>, engine: &Engine) -> Self {
        let folder = path.and_then(|path| match Folder::open(path) {
            Ok(folder) => Some(folder),
            Err(error) => {
                tracing::warn!(
                    "compiled code is not kept, because {} can't be used: {error}",
                    path.display()
                );
                None
            }
        });
        Self {
            folder,
            compatibility: fingerprint(engine),
        }
    }

    /// Keeps code that somebody else has compiled of the component with this digest, if nothing is kept of it. Whoever calls this must
    /// trust them as much as this program.
    pub(super) fn adopt(&self, wasm: &blake3::Hash, code: &[u8]) -> io::Result<()> {
        let folder = self.folder.as_ref();
        let folder = folder.ok_or_else(|| io::Error::other("there is no folder for it"))?;
        let name = self.name(wasm);
        if folder.digest_path(&name).exists() {
            return Ok(());
        }
        folder.keep(code, &name)
    }

    fn name(&self, wasm: &blake3::Hash) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.compatibility.as_bytes());
        hasher.update(wasm.as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// The compiled component of `wasm`, from disk if it was compiled before. Messages name `source`.
    pub(super) fn component(
        &self,
        engine: &Engine,
        source: &Path,
        wasm: &[u8],
    ) -> Result<Component, LoadError> {
        let name = self.name(&blake3::hash(wasm));
        if let Some(component) = self
            .folder
            .as_ref()
            .and_then(|folder| folder.recall(engine, &name))
        {
            return Ok(component);
        }
        let component = Component::new(engine, wasm).map_err(|error| LoadError::NotAComponent {
            path: source.into(),
            found: format!("something damaged ({error:#})"),
        })?;
        if let Some(folder) = &self.folder
            && let Err(error) = folder.keep_component(&component, &name)
        {
            tracing::warn!("compiled code of {} is not kept: {error}", source.display());
        }
        Ok(component)
    }
}

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(OWNER_ONLY)
            .create(path)?;
        // The folder may have existed before, with other permissions.
        fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
        let key = read_or_make_key(&path.join(KEY_FILE))?;
        prune(path, clock::time_of_day());
        Ok(Self {
            path: path.into(),
            key,
        })
    }

    fn code_path(&self, name: &str) -> PathBuf {
        self.path.join(name).with_extension(prune::CODE)
    }

    fn digest_path(&self, name: &str) -> PathBuf {
        self.path.join(name).with_extension(DIGEST)
    }

    fn recall(&self, engine: &Engine, name: &str) -> Option<Component> {
        let code = self.code_path(name);
        let mut digest = File::options()
            .read(true)
            .write(true)
            .open(self.digest_path(name))
            .ok()?;
        let mut expected = Vec::new();
        digest.read_to_end(&mut expected).ok()?;
        let actual = keyed_digest(&self.key, File::open(&code).ok()?).ok()?;
        // `blake3::Hash` compares in constant time.
        if actual != blake3::Hash::from_slice(&expected).ok()? {
            tracing::warn!(
                "{} is damaged or was not made here; it is compiled again",
                code.display()
            );
            return None;
        }
        // If this fails, the code is only pruned and compiled again too early.
        let _ = digest.set_modified(clock::time_of_day());
        deserialize(engine, &code)
    }

    fn keep_component(&self, component: &Component, name: &str) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        self.keep(&code, name)
    }

    /// Writes the code before its digest, each under a temporary name first. A reader never sees half a file, nor a digest
    /// without its code.
    fn keep(&self, code: &[u8], name: &str) -> io::Result<()> {
        let digest = keyed_digest(&self.key, code)?;
        put(&self.code_path(name), code)?;
        put(&self.digest_path(name), digest.as_bytes())?;
        prune(&self.path, clock::time_of_day());
        Ok(())
    }
}

#[expect(unsafe_code, reason = "wasmtime maps precompiled code as it is")]
fn deserialize(engine: &Engine, code: &Path) -> Option<Component> {
    // SAFETY: the file carries a digest made with this folder's private key, so this program wrote it: it compiled the code, or took
    // it from somebody whom the settings trust with that. The folder is writable by its owner only, who could as well change this
    // program. wasmtime itself checks version, settings and processor.
    let component = unsafe { Component::deserialize_file(engine, code) };
    component
        .inspect_err(|error| {
            // Another process may have removed it since its digest was looked at.
            if code.exists() {
                tracing::warn!(
                    "{} is not of this engine and is compiled again: {error:#}",
                    code.display()
                );
            }
        })
        .ok()
}

fn keyed_digest(key: &[u8; blake3::KEY_LEN], reader: impl Read) -> io::Result<blake3::Hash> {
    Ok(blake3::Hasher::new_keyed(key)
        .update_reader(reader)?
        .finalize())
}

/// The key of the folder. If several processes create one at the same time, all of them get the first.
fn read_or_make_key(path: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    if let Some(key) = read_key(path) {
        return Ok(key);
    }
    let mut key = [0; blake3::KEY_LEN];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    match put_new(path, &key) {
        // Another process was faster, or the existing file is not a key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(|()| key),
    }
    if let Some(key) = read_key(path) {
        return Ok(key);
    }
    put(path, &key)?;
    Ok(key)
}

fn read_key(path: &Path) -> Option<[u8; blake3::KEY_LEN]> {
    fs::read(path).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
