//! `Cache-Control`: how long a file may be used without asking again.

use std::env;
use std::path::Path;

use terrace_sdk::log;

use crate::limits::{DEFAULT_MAX_AGE_SECONDS, MIN_HASH_DIGITS, MISSING_MAX_AGE_SECONDS};
use crate::path::name_of;

/// A file of this name never changes, so nobody asks again (RFC 8246).
const FOREVER: &str = "public, max-age=31536000, immutable";

/// What the installation says of lifetimes, in the component's `environment`.
#[derive(Debug)]
pub(crate) struct Lifetimes {
    /// `ASSETS_MAX_AGE`: seconds for files whose names say nothing.
    pub(crate) max_age: u32,
    /// `ASSETS_IMMUTABLE`: folders, with a space between them, in which no file ever changes.
    pub(crate) immutable: Vec<String>,
}

impl Lifetimes {
    /// Reads the environment. A value that is none is told in the log, and the default holds.
    pub(crate) fn from_environment() -> Self {
        let folders = env::var("ASSETS_IMMUTABLE").unwrap_or_default();
        Self {
            max_age: max_age(),
            immutable: folders
                .split_whitespace()
                .map(|folder| folder.trim_matches('/').to_owned())
                .collect(),
        }
    }

    /// The field for a file.
    pub(crate) fn of(&self, path: &Path) -> String {
        let in_folder = self.immutable.iter().any(|folder| path.starts_with(folder));
        if in_folder || has_hash(name_of(path)) {
            return FOREVER.to_owned();
        }
        // For a day, a cache that cannot ask here goes on with what it has.
        format!(
            "public, max-age={}, stale-while-revalidate=600, stale-if-error=86400",
            self.max_age
        )
    }

    /// The field for the answer that there is no such file.
    pub(crate) fn of_missing(&self) -> String {
        let seconds = self.max_age.min(MISSING_MAX_AGE_SECONDS);
        format!("public, max-age={seconds}")
    }
}

fn max_age() -> u32 {
    let Ok(text) = env::var("ASSETS_MAX_AGE") else {
        return DEFAULT_MAX_AGE_SECONDS;
    };
    text.parse().unwrap_or_else(|_| {
        log::warn(format!(
            "ASSETS_MAX_AGE is {text:?} and not a number of seconds, so {DEFAULT_MAX_AGE_SECONDS} holds: correct it in \
             `[component.ID] environment`"
        ));
        DEFAULT_MAX_AGE_SECONDS
    })
}

/// Whether a part of a name is a hash of the content, as in `app-3f2a9c1b.js`: eight or more hexadecimal digits with a letter
/// and a figure among them, since `overview` and `20241231` are none.
fn has_hash(name: &str) -> bool {
    let mut parts = name.split(['-', '.', '_']);
    parts.any(|part| {
        let is_long = part.len() >= MIN_HASH_DIGITS;
        let is_hex = part.bytes().all(|digit| digit.is_ascii_hexdigit());
        let has_letter = part.bytes().any(|digit| digit.is_ascii_alphabetic());
        let has_figure = part.bytes().any(|digit| digit.is_ascii_digit());
        is_long && is_hex && has_letter && has_figure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_the_name_is_recognised() {
        for name in [
            "app-3f2a9c1b.js",
            "app.3f2a9c1b.chunk.css",
            "3F2A9C1B.png",
            "a_0123456789abcdef0123456789abcdef.woff2",
        ] {
            assert!(has_hash(name), "{name}");
        }
        for name in [
            "index.html",
            "company-overview.html",
            "report-20241231.pdf",
            "feedface.txt",
            "app-3f2a9c.js",
            "v1.2.3.js",
            "manual-Version2.pdf",
        ] {
            assert!(!has_hash(name), "{name}");
        }
    }

    #[test]
    fn folders_of_the_environment_never_change() {
        let lifetimes = Lifetimes {
            max_age: 5,
            immutable: vec!["assets".to_owned(), "_app/immutable".to_owned()],
        };
        for path in ["assets/index-DiwrgTda.js", "_app/immutable/a/b.css"] {
            assert_eq!(lifetimes.of(Path::new(path)), FOREVER, "{path}");
        }
        for path in ["assets.js", "assets2/a.js", "_app/version.json"] {
            let field = lifetimes.of(Path::new(path));
            assert!(field.starts_with("public, max-age=5,"), "{path}: {field}");
        }
    }
}
