//! `files` and `exclude_files`: what a component may read, looked up once when the app is loaded.

use std::collections::BTreeSet;
use std::path::{Component as PathPart, Path, PathBuf};

use glob::Pattern;

use super::read::Reader;
use super::{FileMount, build};
use crate::document::{Table, Value};
use crate::fault::Reason;

mod walk;

/// The files of a component, sorted, each once.
pub(super) fn files(reader: &Reader<'_>, table: &Table<'_>) -> Vec<FileMount> {
    let mut mounts = Mounts {
        reader,
        excluded: excluded(table),
        found: BTreeSet::new(),
    };
    let entries = table.get("files").and_then(|value| value.list());
    for entry in entries.unwrap_or_default() {
        if entry.is_table() {
            mounts.placement(&entry);
        } else if let Some(text) = entry.string() {
            mounts.pattern(&entry, text);
        }
    }
    mounts.found.into_iter().collect()
}

fn excluded(table: &Table<'_>) -> Vec<Pattern> {
    let entries = table.strings("exclude_files").into_iter();
    entries
        .filter_map(|(place, text)| build::glob(&place, text))
        .collect()
}

struct Mounts<'r> {
    reader: &'r Reader<'r>,
    excluded: Vec<Pattern>,
    found: BTreeSet<FileMount>,
}

impl Mounts<'_> {
    /// `{ source, destination }`: a directory or a file at a place of its own.
    fn placement(&mut self, entry: &Value<'_>) {
        let Some(table) = entry.table("an element of `files`") else {
            return;
        };
        let source = table.required("source", "add `source = \"assets\"`");
        let destination = table
            .required("destination", "add `destination = \"/\"`")
            .and_then(|value| value.parsed(guest_path));
        table.finish();
        let Some(source) = source else { return };
        let (Some(text), Some(destination)) = (source.string(), destination) else {
            return;
        };
        let host = self.reader.directory.join(text);
        if !self.usable(&source, text, &host) {
            return;
        }
        if self.excluded.is_empty() || host.is_file() {
            self.found.insert(FileMount {
                host,
                guest: destination,
            });
        } else {
            self.expand(&source, &host, &destination);
        }
    }

    /// A file, a directory with all that is in it, or a glob; each file keeps its path.
    fn pattern(&mut self, place: &Value<'_>, text: &str) {
        let path = self.reader.directory.join(text);
        let is_glob = text.contains(['*', '?', '[']) && !path.exists();
        if is_glob {
            return self.glob(place, text);
        }
        if !self.usable(place, text, &path) {
            return;
        }
        let guest = format!("/{}", slashed(Path::new(text)));
        if path.is_dir() {
            self.expand(place, &path, &guest);
        } else {
            self.add(place, path, guest);
        }
    }

    fn glob(&mut self, place: &Value<'_>, text: &str) {
        let root = &self.reader.directory;
        let text = inside(place, text).then(|| slashed(Path::new(text)));
        let pattern = text.as_ref().and_then(|text| build::glob(place, text));
        let Some((text, pattern)) = text.zip(pattern) else {
            return;
        };
        for file in walk::matching(root, &text, &pattern) {
            let guest = file.strip_prefix(root).map(slashed).unwrap_or_default();
            self.add(place, file, format!("/{guest}"));
        }
    }

    /// Every file below a directory.
    fn expand(&mut self, place: &Value<'_>, directory: &Path, guest: &str) {
        for file in walk::below(directory, usize::MAX) {
            let below = file
                .strip_prefix(directory)
                .map(slashed)
                .unwrap_or_default();
            let guest = format!("{}/{below}", guest.trim_end_matches('/'));
            self.add(place, file, guest);
        }
    }

    fn add(&mut self, place: &Value<'_>, host: PathBuf, guest: String) {
        let relative = host.strip_prefix(&self.reader.directory).unwrap_or(&host);
        let excluded = |pattern: &Pattern| walk::matches(pattern, relative);
        if self.excluded.iter().any(excluded) || !self.stays(place, &host) {
            return;
        }
        if !host.is_file() {
            let message = format!("`{}` is no regular file", relative.display());
            let help =
                "links to directories are not followed: name the directory itself, or exclude it";
            return place.report(Reason::new(message).help(help));
        }
        self.found.insert(FileMount { host, guest });
    }

    /// Whether a path that was written out is inside the app and there.
    fn usable(&self, place: &Value<'_>, text: &str, path: &Path) -> bool {
        if !inside(place, text) {
            return false;
        }
        if path.exists() {
            return self.stays(place, path);
        }
        if self.reader.artefacts.are_present() {
            let reason = Reason::new(format!("`{text}` is not there"));
            place.report(reason.help("check the path, which is relative to the manifest"));
        }
        false
    }

    /// Reports a symbolic link that leads out of the app, which could hand any file to a guest.
    fn stays(&self, place: &Value<'_>, path: &Path) -> bool {
        let root = self.reader.directory.canonicalize();
        let stays =
            root.is_ok_and(|root| path.canonicalize().is_ok_and(|path| path.starts_with(root)));
        if !stays {
            let message = format!("`{}` leads out of the app's directory", path.display());
            place.report(Reason::new(message).help("copy the file into the app"));
        }
        stays
    }
}

/// Reports a path that is absolute or climbs out of the app.
fn inside(place: &Value<'_>, text: &str) -> bool {
    let plain = |part| matches!(part, PathPart::Normal(_) | PathPart::CurDir);
    let inside = Path::new(text).components().all(plain);
    if !inside {
        let reason = Reason::new(format!("`{text}` is outside of the app's directory"));
        place.report(reason.help("write a path relative to the manifest, without `..`"));
    }
    inside
}

/// An absolute path without detours.
fn guest_path(text: &str) -> Result<String, Reason> {
    let detour = |part: &str| part == ".." || part == ".";
    if !text.starts_with('/') || text.split('/').any(detour) {
        let reason = Reason::new(format!("`{text}` is not an absolute path"));
        return Err(reason.help("write where the component finds it, such as `/` or `/assets`"));
    }
    Ok(text.to_owned())
}

/// A relative path with `/` between its parts and nothing else.
fn slashed(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        PathPart::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}
