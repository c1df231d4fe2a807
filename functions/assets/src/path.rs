//! The file that a request's path names, below the site's root. It never leaves the root, and names nothing hidden.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

/// The folder whose name begins with a dot and that is meant to be read (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// A path below the root.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The file or folder, from the root; empty for the root itself.
    pub(crate) path: PathBuf,
    /// Whether it ends with a slash, as that of a folder does.
    pub(crate) is_folder: bool,
}

/// The path that a request names; `None` if no file can be there.
///
/// `..`, hidden names and separators that are written as `%2F` name nothing. So does `//`: each file has one path.
pub(crate) fn named(path: &str) -> Option<Named> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (segments, is_folder) = match path.strip_suffix('/') {
        Some(folder) => (folder, true),
        None => (path, path.is_empty()),
    };
    let mut named = PathBuf::new();
    if !path.is_empty() {
        for segment in segments.split('/') {
            named.push(decoded(segment)?);
        }
    }
    Some(Named {
        path: named,
        is_folder,
    })
}

fn decoded(segment: &str) -> Option<String> {
    let segment = percent_decode_str(segment).decode_utf8().ok()?;
    let is_hidden = segment.starts_with('.') && segment != WELL_KNOWN;
    let is_plain = !segment.is_empty() && !segment.contains(['/', '\\', '\0']);
    (is_plain && !is_hidden).then(|| segment.into_owned())
}

/// The name of a file as text, for what its extension and its parts say.
pub(crate) fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, bool)>) {
        let expected = expected.map(|(path, is_folder)| Named {
            path: path.into(),
            is_folder,
        });
        assert_eq!(named(path), expected, "{path}");
    }

    #[test]
    fn a_path_names_a_file_below_the_root() {
        check("", Some(("", true)));
        check("/", Some(("", true)));
        check("/app.js", Some(("app.js", false)));
        check("/a/b%20c.txt", Some(("a/b c.txt", false)));
        check("/%C3%A9t%C3%A9/", Some(("été", true)));
        check(
            "/.well-known/security.txt",
            Some((".well-known/security.txt", false)),
        );
    }

    #[test]
    fn no_path_leaves_the_root_or_names_something_hidden() {
        for path in [
            "/..",
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/a%2f..%2fx",
            "/.git/config",
            "/a/.env",
            "/%2Eenv",
            "/./a",
            "//etc/passwd",
            "/a//b",
            "//",
            "/a\\..\\b",
            "/a%00b",
            "/%FF",
            "/a%5Cb",
        ] {
            check(path, None);
        }
    }
}
