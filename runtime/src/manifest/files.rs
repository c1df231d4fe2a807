//! Reads `files` and `exclude_files`, and finds the files when the app is loaded. Copying them is [`crate::host`]'s.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component as PathPart, Path, PathBuf};

use glob::Pattern;

use super::reader::Reader;
use super::{FileMount, build};
use crate::document::{Table, Value};
use crate::fault::Reason;

mod walk;

/// The files of a component, sorted, each once, and the paths and globs that name them. All entries lie in one tree,
/// as Spin's loader lays them.
pub(super) fn files(reader: &Reader<'_>, table: &Table<'_>) -> (Vec<FileMount>, Vec<String>) {
    let mut mounts = Mounts {
        reader,
        root: reader.directory.canonicalize().ok(),
        excluded: excluded(table),
        found: BTreeMap::new(),
        patterns: Vec::new(),
    };
    let entries = table.get("files").and_then(|value| value.list());
    for entry in entries.unwrap_or_default() {
        if entry.is_table() {
            mounts.placement(&entry);
        } else if let Some(text) = entry.string() {
            mounts.pattern(&entry, text);
        }
    }
    let found = mounts.found.into_iter();
    let files = found.map(|(guest, host)| FileMount { host, guest });
    (files.collect(), mounts.patterns)
}

fn excluded(table: &Table<'_>) -> Vec<Pattern> {
    let entries = table.strings("exclude_files").into_iter();
    entries
        .filter_map(|(place, text)| build::glob(&place, text))
        .collect()
}

struct Mounts<'r> {
    reader: &'r Reader<'r>,
    /// The app's directory without links; none if it is not there.
    root: Option<PathBuf>,
    excluded: Vec<Pattern>,
    /// What lies where in the component's tree.
    found: BTreeMap<String, PathBuf>,
    patterns: Vec<String>,
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
        self.patterns.push(text.to_owned());
        let host = self.reader.directory.join(text);
        if !self.usable(&source, text, &host) {
            return;
        }
        if host.is_dir() {
            self.expand(&source, &host, &destination);
        } else {
            self.place(&source, host, destination);
        }
    }

    /// A file, a directory with all that is in it, or a glob; each file keeps its path.
    fn pattern(&mut self, place: &Value<'_>, text: &str) {
        self.patterns.push(text.to_owned());
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

    /// A directory, with every file below it. A link in it that leads out of it gives nothing: the manifest does not
    /// name what it leads to.
    fn expand(&mut self, place: &Value<'_>, directory: &Path, guest: &str) {
        self.place(place, directory.to_owned(), guest.to_owned());
        for file in walk::below(directory, usize::MAX) {
            if self.is_excluded(&file) {
                continue;
            }
            let below = file
                .strip_prefix(directory)
                .map(slashed)
                .unwrap_or_default();
            if leads_out(&file, directory) && self.stays(place, &file) {
                let name = directory.file_name().unwrap_or_default().display();
                let message = format!("the link `{below}` in `{name}` leads out of it");
                let help = "name what it leads to in `files`, or leave it out with `exclude_files`";
                place.report(Reason::new(message).help(help));
                continue;
            }
            self.add(place, file, child(guest, &below));
        }
    }

    fn add(&mut self, place: &Value<'_>, host: PathBuf, guest: String) {
        if self.is_excluded(&host) || !self.stays(place, &host) {
            return;
        }
        if !host.is_file() {
            let message = format!("`{}` is not a regular file", self.relative(&host).display());
            let help =
                "links to directories are not followed: name the directory itself, or exclude it";
            return place.report(Reason::new(message).help(help));
        }
        self.place(place, host, guest);
    }

    /// Puts a file or a directory into the tree, if nothing else is in its place.
    fn place(&mut self, place: &Value<'_>, host: PathBuf, guest: String) {
        let Some(other) = self.in_the_way(&host, &guest) else {
            self.found.insert(guest, host);
            return;
        };
        let [host, other] = [&host, other].map(|path| self.relative(path).display());
        let message = format!("`{host}` cannot be at `{guest}`, because `{other}` is there");
        let help = "give one of them another `destination`, or leave it out with `exclude_files`";
        place.report(Reason::new(message).help(help));
    }

    /// What keeps something from lying at `guest`: another file there, a file where a directory must be, or files
    /// below it.
    fn in_the_way(&self, host: &Path, guest: &str) -> Option<&PathBuf> {
        let is_directory = host.is_dir();
        let same = |other: &Path| is_directory && other.is_dir() || is_same_file(host, other);
        if let Some(other) = self.found.get(guest) {
            return (!same(other)).then_some(other);
        }
        let parents = Path::new(guest).ancestors().skip(1);
        let mut parents = parents.filter_map(|parent| self.found.get(parent.to_str()?));
        let below = child(guest, "");
        let mut below = self.found.range(below.clone()..).take(1);
        let below = below.find(|(path, _)| !is_directory && path.starts_with(&child(guest, "")));
        parents
            .find(|parent| !parent.is_dir())
            .or(below.map(|(_, host)| host))
    }

    fn is_excluded(&self, host: &Path) -> bool {
        let mut excluded = self.excluded.iter();
        excluded.any(|pattern| walk::matches(pattern, self.relative(host)))
    }

    /// The path as a user knows it.
    fn relative<'p>(&self, host: &'p Path) -> &'p Path {
        host.strip_prefix(&self.reader.directory).unwrap_or(host)
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
        let path_without_links = path.canonicalize();
        let stays = self
            .root
            .as_ref()
            .is_some_and(|root| path_without_links.is_ok_and(|path| path.starts_with(root)));
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

/// Whether the path is a link to something that is not below `directory`.
fn leads_out(path: &Path, directory: &Path) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let without_links = (path.canonicalize(), directory.canonicalize());
    is_link && matches!(without_links, (Ok(path), Ok(directory)) if !path.starts_with(&directory))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The path of what is called `name` in the directory `guest`.
fn child(guest: &str, name: &str) -> String {
    format!("{}/{name}", guest.trim_end_matches('/'))
}

/// An absolute path without detours.
fn guest_path(text: &str) -> Result<String, Reason> {
    let detour = |part: &str| part == ".." || part == ".";
    if !text.starts_with('/') || text.split('/').any(detour) {
        let reason = Reason::new(format!("`{text}` is not an absolute path"));
        return Err(reason.help("write where the component finds it, such as `/` or `/assets`"));
    }
    Ok(format!("/{}", slashed(Path::new(text))))
}

/// A relative path with `/` between its parts and nothing else.
fn slashed(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        PathPart::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}
