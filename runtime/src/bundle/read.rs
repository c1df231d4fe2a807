//! Reads a bundle: checks every byte, and unpacks it on the way if it is wanted.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::Bundle;
use super::archive::{self, Reader};
use super::index::{CompiledCode, Index};
use super::key::PublicKey;
use super::limits::{MAX_BUNDLE_BYTES, MAX_INDEX_BYTES, MAX_SEAL_BYTES};
use super::seal::Seal;
use crate::fault::{Fault, Reason};

/// The first entry.
pub(super) const INDEX: &str = "index.json";
/// The second entry.
pub(super) const SEAL: &str = "seal.json";
/// Where the files of the app are.
pub(super) const APP: &str = "app/";

/// Checks a bundle. If keys are `trusted`, one of them must have signed it. Its files go to `folder`, if that is given: an empty
/// one, whose files mean nothing after an error.
///
/// # Errors
/// What is wrong with it.
pub fn read(
    file: &Path,
    trusted: Option<&[PublicKey]>,
    folder: Option<&Path>,
) -> Result<Bundle, Fault> {
    let fault = |reason: Reason| Fault::new(file, reason);
    let unreadable = |error: io::Error| fault(format!("cannot be read: {error}").into());
    let found = fs::metadata(file).map_err(unreadable)?;
    if !found.is_file() {
        return Err(fault("is not a file".into()));
    }
    let opened = File::open(file).map_err(unreadable)?;
    let length = opened.metadata().map_err(unreadable)?.len();
    read_from(BufReader::new(opened), length, trusted, folder).map_err(fault)
}

/// The same for what has that length in bytes.
pub(super) fn read_from(
    reader: impl Read,
    length: u64,
    trusted: Option<&[PublicKey]>,
    folder: Option<&Path>,
) -> Result<Bundle, Reason> {
    if length > MAX_BUNDLE_BYTES {
        let what = format!("is {length} bytes long; a bundle may be {MAX_BUNDLE_BYTES}");
        return Err(Reason::new(what).help("leave files out with `exclude_files`"));
    }
    let mut archive = Reader(reader);
    let index_bytes = archive.small(INDEX, MAX_INDEX_BYTES)?;
    let index = Index::parse(&index_bytes)?;
    let digest = archive::sha256(&index_bytes);
    let seal = archive.small(SEAL, MAX_SEAL_BYTES)?;
    let signer = Seal::check(&seal, &digest)?;
    check_trust(signer.as_ref(), trusted)?;
    let heads = [index_bytes.len() as u64, seal.len() as u64];
    let declared = archive::length(heads.into_iter().chain(index.sizes()));
    if declared != Some(length) {
        let declared = declared.unwrap_or(u64::MAX);
        let what = format!("is {length} bytes long, and its index declares {declared}");
        return Err(Reason::new(what).help("copy the file again"));
    }
    let folders = folder.map(|folder| make_folders(folder, &index));
    folders.transpose().map_err(unpackable)?;
    for file in &index.files {
        let mut sink = sink(folder, &file.path).map_err(unpackable)?;
        let found = archive.entry(&format!("{APP}{}", file.path), file.size, &mut *sink)?;
        if found != file.sha256 {
            return Err(archive::changed(&file.path));
        }
    }
    for code in &index.compiled {
        // Whoever trusts it reads it by itself.
        let found = archive.entry(&code.path(), code.size, &mut io::sink())?;
        if found != code.sha256 {
            return Err(archive::changed(&code.path()));
        }
    }
    archive.end()?;
    Ok(Bundle {
        index,
        digest,
        signer,
    })
}

/// The compiled code of a bundle that was read: machine code, so one of the keys that are `trusted` must have signed the bundle.
///
/// # Errors
/// If the bundle is not signed so, or its file is another one by now.
pub fn compiled(
    file: &Path,
    bundle: &Bundle,
    code: &CompiledCode,
    trusted: &[PublicKey],
) -> Result<Vec<u8>, Fault> {
    let fault = |reason: Reason| Fault::new(file, reason);
    check_trust(bundle.signer.as_ref(), Some(trusted)).map_err(fault)?;
    let others = bundle.index.compiled.iter();
    let from_here = others.skip_while(|other| *other != code);
    let from_end = archive::length(from_here.map(|code| code.size));
    let changed = || fault(archive::changed(&code.path()));
    let from_end = from_end.and_then(|length| i64::try_from(length).ok());
    let from_end = from_end.ok_or_else(changed)?;
    let opened = File::open(file).and_then(|mut opened| {
        opened.seek(SeekFrom::End(-from_end))?;
        Ok(opened)
    });
    let mut archive = Reader(BufReader::new(opened.map_err(|_| changed())?));
    let mut content = Vec::new();
    let found = archive.entry(&code.path(), code.size, &mut content);
    match found.map_err(fault)? == code.sha256 {
        true => Ok(content),
        false => Err(changed()),
    }
}

fn check_trust(signer: Option<&PublicKey>, trusted: Option<&[PublicKey]>) -> Result<(), Reason> {
    let Some(trusted) = trusted else {
        return Ok(());
    };
    match signer {
        None => {
            let what = "is not signed, and `trusted_keys` of [deploy] asks for a signature";
            Err(Reason::new(what).help("make it with `terrace bundle --sign KEY`"))
        }
        Some(key) if !trusted.contains(key) => {
            let what = format!("is signed by {key}, which is not in `trusted_keys` of [deploy]");
            Err(Reason::new(what).help("sign it with a key that this node trusts"))
        }
        Some(_) => Ok(()),
    }
}

/// Where the content of a file goes.
fn sink(folder: Option<&Path>, path: &str) -> io::Result<Box<dyn Write>> {
    let Some(folder) = folder else {
        return Ok(Box::new(io::sink()));
    };
    let path = folder.join(path);
    // Never one that is there already: two names of one bundle are the same to some disks.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(Box::new(file))
}

fn make_folders(folder: &Path, index: &Index) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let above = index
        .files
        .iter()
        .filter_map(|file| file.path.rsplit_once('/'));
    let folders = index.folders.iter().map(|path| &**path);
    for path in above.map(|(path, _)| path).chain(folders) {
        builder.create(folder.join(path))?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of `map_err`")]
fn unpackable(error: io::Error) -> Reason {
    Reason::new(format!("cannot be unpacked into the state folder: {error}"))
        .help("make room there, or choose another with --state-dir")
}
