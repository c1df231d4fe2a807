//! Removes compiled code: first code that was not used for long, then the least recently used until the rest is within the
//! limit. A process can still use code that it has mapped. Writing is [`super::files`]'s.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files::UNFINISHED;
use crate::limits::{MAX_COMPILED_CODE_AGE_DAYS, MAX_COMPILED_CODE_BYTES, UNFINISHED_FILE_HOURS};

/// The extension of compiled code.
pub(super) const CODE: &str = "cwasm";
/// The extension of the code's digest. Its modification time is the last use of the code.
pub(super) const DIGEST: &str = "blake3";

const MAX_AGE: Duration = Duration::from_hours(24 * MAX_COMPILED_CODE_AGE_DAYS);
const UNFINISHED_AGE: Duration = Duration::from_hours(UNFINISHED_FILE_HOURS);

/// Compiled code in the folder.
struct Code {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// Removes code that is too old or beyond the limit. If a file can't be examined or removed, the next run tries again.
pub(super) fn prune(folder: &Path, now: SystemTime) {
    let mut codes = match survey(folder, now) {
        Ok(codes) => codes,
        Err(error) => {
            return tracing::warn!(
                "compiled code in {} is not pruned: {error}",
                folder.display()
            );
        }
    };
    codes.sort_unstable_by_key(|code| std::cmp::Reverse(code.used));
    let mut kept = 0;
    for code in codes {
        if kept + code.bytes > MAX_COMPILED_CODE_BYTES || is_older(code.used, MAX_AGE, now) {
            remove(&code.path);
        } else {
            kept += code.bytes;
        }
    }
}

/// The code in the folder. Also removes unfinished files of killed processes.
fn survey(folder: &Path, now: SystemTime) -> io::Result<Vec<Code>> {
    let mut codes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Another process has removed the file.
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        let changed = metadata.modified()?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(CODE) => {
                let digest = path.with_extension(DIGEST).metadata();
                // Without a digest the code was written just now, or is never used.
                let used = digest.and_then(|digest| digest.modified());
                codes.push(Code {
                    path,
                    bytes: metadata.len(),
                    used: used.unwrap_or(changed),
                });
            }
            Some(UNFINISHED) if is_older(changed, UNFINISHED_AGE, now) => {
                let _ = fs::remove_file(path);
            }
            _ => {}
        }
    }
    Ok(codes)
}

fn is_older(time: SystemTime, age: Duration, now: SystemTime) -> bool {
    now.duration_since(time).is_ok_and(|passed| passed > age)
}

/// Removes the digest first: code without a digest is not used.
fn remove(code: &Path) {
    for path in [&code.with_extension(DIGEST), code] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} can't be removed: {error}", path.display());
            }
            _ => {}
        }
    }
}
