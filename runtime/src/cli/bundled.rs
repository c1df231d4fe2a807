//! A bundle as text for people and as JSON.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::bundle::{Bundle, Index, short_digest};

/// A bundle and its file.
#[derive(Debug, Serialize)]
pub(crate) struct Bundled<'b> {
    file: &'b Path,
    digest: &'b str,
    /// The public key of who signed it, as in the settings.
    signer: Option<String>,
    #[serde(flatten)]
    index: &'b Index,
}

impl<'b> Bundled<'b> {
    pub(crate) fn new(file: &'b Path, bundle: &'b Bundle) -> Self {
        Self {
            file,
            digest: &bundle.digest,
            signer: bundle.signer.map(|key| key.to_string()),
            index: &bundle.index,
        }
    }

    /// Everything in it.
    pub(crate) fn list(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{self}")?;
        writeln!(formatter, "manifest {}", self.index.manifest)?;
        if let Some(commit) = &self.index.commit {
            writeln!(formatter, "commit   {commit}")?;
        }
        write!(formatter, "digest   sha256:{}", self.digest)?;
        for file in &self.index.files {
            write!(
                formatter,
                "\n{} {:>12} {}",
                file.sha256, file.size, file.path
            )?;
        }
        for code in &self.index.compiled {
            let (engine, component) = (short_digest(&code.engine), &code.component);
            write!(
                formatter,
                "\n{} {:>12} {component} compiled for {} by engine {engine}",
                code.sha256, code.size, code.target
            )?;
        }
        Ok(())
    }

    /// Its short digest, for a line among others.
    pub(crate) fn short_digest(&self) -> &str {
        short_digest(self.digest)
    }

    /// The name of the app, with its version if it has one.
    pub(crate) fn app(&self) -> String {
        let Index { app, version, .. } = self.index;
        format!("{app} {version}").trim_end().to_owned()
    }
}

/// One line about it.
impl fmt::Display for Bundled<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size: u64 = self.index.files.iter().map(|file| file.size).sum();
        let number = self.index.files.len();
        write!(
            formatter,
            "{}: {}, {number} files, {size} bytes, {}",
            self.file.display(),
            self.app(),
            self.short_digest()
        )?;
        let mut compiled: Vec<_> = self
            .index
            .compiled
            .iter()
            .map(|code| &*code.target)
            .collect();
        compiled.sort_unstable();
        compiled.dedup();
        if !compiled.is_empty() {
            write!(formatter, ", compiled for {}", compiled.join(" and "))?;
        }
        match &self.signer {
            Some(key) => write!(formatter, ", signed by {key}"),
            None => formatter.write_str(", not signed"),
        }
    }
}
