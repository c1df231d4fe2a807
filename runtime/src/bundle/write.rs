//! Writes a bundle: the same app gives the same bytes on every machine.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

use super::Bundle;
use super::archive::{self, Writer};
use super::contents::Contents;
use super::index::{CompiledCode, FORMAT, Index, IndexedFile};
use super::key::SigningKey;
use super::limits::MAX_INDEX_BYTES;
use super::read::{APP, INDEX, SEAL};
use super::seal::Seal;
use crate::fault::{Fault, Reason};

/// Writes the bundle to `output`, in place of what may be there, with code that was compiled of its components. It is there as a whole, or not at all.
///
/// # Errors
/// If a file cannot be read or written, or a bound is reached.
pub fn write(
    contents: &Contents,
    compiled: &[(CompiledCode, Vec<u8>)],
    commit: Option<String>,
    key: Option<&SigningKey>,
    output: &Path,
) -> Result<Bundle, Fault> {
    let mut index = index(contents, commit)?;
    index.compiled = compiled.iter().map(|(code, _)| code.clone()).collect();
    let fault = |reason: Reason| Fault::new(output, reason);
    index.check().map_err(fault)?;
    let aside = aside(output);
    let written = create(&aside, contents, compiled, &index, key);
    let written = written.and_then(|digest| {
        let moved = fs::rename(&aside, output);
        moved.map_err(|error| fault(unwritable(&error)))?;
        Ok(digest)
    });
    if written.is_err() {
        // The error says what is wrong; an incomplete file is of no use to anybody.
        let _ = fs::remove_file(&aside);
    }
    Ok(Bundle {
        digest: written?,
        signer: key.map(SigningKey::public),
        index,
    })
}

/// A file beside the output that no other process uses.
fn aside(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", process::id()));
    output.with_file_name(name)
}

fn index(contents: &Contents, commit: Option<String>) -> Result<Index, Fault> {
    let files = contents.files.iter().map(|(path, source)| {
        let unreadable = |error: io::Error| Fault::new(source, format!("cannot be read: {error}"));
        let size = fs::metadata(source).map_err(unreadable)?.len();
        let file = File::open(source).map_err(unreadable)?;
        let digest = archive::digest(path, size, file);
        Ok(IndexedFile {
            path: path.clone(),
            size,
            sha256: digest.map_err(|reason| Fault::new(source, reason))?,
        })
    });
    Ok(Index {
        format: FORMAT,
        app: contents.app.clone(),
        version: contents.version.clone(),
        commit,
        manifest: contents.manifest.clone(),
        folders: contents.folders.iter().cloned().collect(),
        files: files.collect::<Result<_, Fault>>()?,
        compiled: Vec::new(),
    })
}

/// Writes all of it, and gives the digest of the index.
fn create(
    file: &Path,
    contents: &Contents,
    compiled: &[(CompiledCode, Vec<u8>)],
    index: &Index,
    key: Option<&SigningKey>,
) -> Result<String, Fault> {
    let fault = |reason: Reason| Fault::new(file, reason);
    let created = File::create(file).map_err(|error| fault(unwritable(&error)))?;
    let mut archive = Writer(BufWriter::new(created));
    let bytes = index.to_bytes().map_err(fault)?;
    if bytes.len() as u64 > MAX_INDEX_BYTES {
        let what = format!("the index would be longer than {MAX_INDEX_BYTES} bytes");
        return Err(fault(
            Reason::new(what).help("leave files out with `exclude_files`"),
        ));
    }
    let length = |bytes: &[u8]| bytes.len() as u64;
    let digest = archive
        .entry(INDEX, length(&bytes), &bytes[..])
        .map_err(fault)?;
    let seal = Seal::new(&digest, key).to_bytes().map_err(fault)?;
    archive
        .entry(SEAL, length(&seal), &seal[..])
        .map_err(fault)?;
    for IndexedFile { path, size, sha256 } in &index.files {
        let source = &contents.files[path];
        let opened = File::open(source);
        let opened =
            opened.map_err(|error| Fault::new(source, format!("cannot be read: {error}")))?;
        let name = format!("{APP}{path}");
        let found = archive.entry(&name, *size, opened).map_err(fault)?;
        if found != *sha256 {
            let reason = Reason::new("was changed while the bundle was made");
            return Err(Fault::new(source, reason.help("make the bundle again")));
        }
    }
    for (code, content) in compiled {
        let written = archive.entry(&code.path(), code.size, &content[..]);
        written.map_err(fault)?;
    }
    archive.end().map_err(fault)?;
    let synced = archive
        .0
        .flush()
        .and_then(|()| archive.0.get_ref().sync_all());
    synced.map_err(|error| fault(unwritable(&error)))?;
    Ok(digest)
}

fn unwritable(error: &io::Error) -> Reason {
    Reason::new(format!("cannot be written: {error}")).help("choose another file with --output")
}
