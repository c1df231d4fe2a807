//! The index of a bundle, and the rules for it. A bundle whose index breaks one is refused before its files are looked at.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::archive;
use super::limits::{
    MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES, MAX_BUNDLED_PATH_BYTES, MAX_PROCESSOR_NAME_BYTES,
};
use crate::fault::Reason;

/// The form of bundles that this version reads and writes.
pub(super) const FORMAT: u32 = 1;

/// The length of a SHA-256 in hexadecimal, and of the digests of an engine.
const DIGEST_LENGTH: usize = 64;

/// The contents of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The form of the bundle.
    pub format: u32,
    /// The name of the app.
    pub app: String,
    /// Its version; empty if its manifest has none.
    pub version: String,
    /// The commit of git that it was made from, with `-dirty` if files of that commit were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The path of the manifest.
    pub manifest: String,
    /// Folders that are there even without a file, sorted.
    pub folders: Vec<String>,
    /// The files, sorted by path.
    pub files: Vec<IndexedFile>,
    /// Machine code of its components, sorted by component and processor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compiled: Vec<CompiledCode>,
}

/// The machine code of a component in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompiledCode {
    /// The id of the component, or of the first of those that are the same.
    pub component: String,
    /// The digest of the component with its dependencies, by which the engine finds its code, in hexadecimal.
    pub wasm: String,
    /// The processor that it is for.
    pub target: String,
    /// The fingerprint of the engine that compiled it, in hexadecimal.
    pub engine: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of it in hexadecimal.
    pub sha256: String,
}

/// A file in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexedFile {
    /// Its path, with `/` between the parts.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its content in hexadecimal.
    pub sha256: String,
}

/// The part of an index that all forms have.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

impl Index {
    /// The index as bytes, the same on every machine.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Reason> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The index of these bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let broken = |_| archive::changed("the index");
        let Form { format } = serde_json::from_slice(bytes).map_err(broken)?;
        if format != FORMAT {
            let what = format!(
                "is for another version of Terrace: its format is {format}, and this version reads {FORMAT}"
            );
            let help =
                "update Terrace on this node, or make the bundle with the version that runs here";
            return Err(Reason::new(what).help(help));
        }
        let index: Self = serde_json::from_slice(bytes).map_err(broken)?;
        index.check()?;
        match index.to_bytes()? == bytes {
            true => Ok(index),
            false => Err(archive::changed("the index")),
        }
    }

    /// Checks it against the bounds and the rules.
    pub(super) fn check(&self) -> Result<(), Reason> {
        let files = self.files.len() + self.compiled.len();
        let number = files.max(self.folders.len());
        if number > MAX_BUNDLE_FILES {
            let what = format!("has {number} files; a bundle may have {MAX_BUNDLE_FILES}");
            return Err(Reason::new(what).help("leave some out with `exclude_files`"));
        }
        let length = archive::length(self.sizes());
        if length.is_none_or(|length| length > MAX_BUNDLE_BYTES) {
            let what = format!("declares contents of more than {MAX_BUNDLE_BYTES} bytes");
            return Err(Reason::new(what).help("leave files out with `exclude_files`"));
        }
        let texts = [&self.app, &self.version].into_iter().chain(&self.commit);
        if texts
            .into_iter()
            .any(|text| text.contains(char::is_control))
        {
            return Err("names its app, version or commit with a control character".into());
        }
        self.check_paths()?;
        self.check_compiled()
    }

    /// The lengths of its contents in their order, in bytes.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        let files = self.files.iter().map(|file| file.size);
        files.chain(self.compiled.iter().map(|code| code.size))
    }

    fn check_compiled(&self) -> Result<(), Reason> {
        let key = |code: &CompiledCode| (code.wasm.clone(), code.target.clone());
        if !self.compiled.is_sorted_by(|one, next| key(one) < key(next)) {
            return Err("does not name its compiled code in order, each once".into());
        }
        let is_wrong = |code: &&CompiledCode| {
            let digests = [&code.wasm, &code.engine, &code.sha256];
            !is_target(&code.target)
                || code.component.contains(char::is_control)
                || !digests.into_iter().all(|text| is_digest(text))
        };
        match self.compiled.iter().find(is_wrong) {
            Some(code) => {
                let wrong = code.path().escape_debug().to_string();
                Err(format!("`{wrong}` is no compiled code of a component").into())
            }
            None => Ok(()),
        }
    }

    fn check_paths(&self) -> Result<(), Reason> {
        let files: BTreeSet<&str> = self.files.iter().map(|file| &*file.path).collect();
        let folders: BTreeSet<&str> = self.folders.iter().map(|folder| &**folder).collect();
        let are_sorted = self.files.is_sorted_by(|one, next| one.path < next.path)
            && self.folders.is_sorted_by(|one, next| one < next);
        if !are_sorted {
            return Err("does not name its files in order, each once".into());
        }
        for path in files.iter().chain(&folders) {
            check_path(path)?;
            let mut above = path.match_indices('/').map(|(end, _)| &path[..end]);
            if above.any(|folder| files.contains(folder)) {
                return Err(format!("has a file where `{path}` needs a folder").into());
            }
        }
        if let Some(both) = files.intersection(&folders).next() {
            return Err(format!("`{both}` is both a file and a folder").into());
        }
        if !files.contains(&*self.manifest) {
            return Err(format!("has no manifest `{}`", self.manifest).into());
        }
        match self.files.iter().find(|file| !is_digest(&file.sha256)) {
            Some(file) => Err(format!("`{}` has no SHA-256", file.path).into()),
            None => Ok(()),
        }
    }
}

impl CompiledCode {
    /// The name of its entry.
    pub(super) fn path(&self) -> String {
        format!("compiled/{}.{}", self.wasm, self.target)
    }
}

/// Whether a text is a SHA-256 in hexadecimal, and so also a safe name of a file.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_LENGTH && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
}

/// A digest as people read it.
#[must_use]
pub fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn is_target(name: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=MAX_PROCESSOR_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Checks that a path stays in its folder on every machine.
fn check_path(path: &str) -> Result<(), Reason> {
    let mut parts = path.split('/');
    if parts.any(|part| matches!(part, "" | "." | "..")) || path.contains(['\\', '\0']) {
        let what = format!("`{}` leaves the folder of the bundle", path.escape_debug());
        return Err(Reason::new(what).help("make the bundle with `terrace bundle`"));
    }
    if path.contains(char::is_control) {
        let what = format!(
            "`{}` has a control character in its name",
            path.escape_debug()
        );
        return Err(Reason::new(what).help("rename the file"));
    }
    if path.len() > MAX_BUNDLED_PATH_BYTES {
        let what = format!(
            "`{path}` is {} bytes long; a path in a bundle may be {MAX_BUNDLED_PATH_BYTES}",
            path.len()
        );
        return Err(Reason::new(what).help("give the file and its folders shorter names"));
    }
    Ok(())
}
