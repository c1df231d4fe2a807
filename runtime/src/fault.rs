//! Mistakes of users: what is wrong, where, and what to do about it.
//! `manifest`, `settings` and `variables` find them; the command line prints them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

mod render;
#[cfg(test)]
mod tests;

pub use render::{Style, Styled};

/// What is wrong with a text and what to do about it, without the text's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong, and why, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl Reason {
    /// A reason without a suggestion.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            suggestion: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl From<&str> for Reason {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Reason {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// One thing that is wrong with a file, an argument or a value that a user wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, as the user named it; for an argument, the name of the argument.
    pub file: PathBuf,
    /// The place in the file; absent where the whole file or an argument is at fault.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// What is wrong, and why.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl Fault {
    /// A fault of a whole file, or of an argument.
    pub fn new(file: impl Into<PathBuf>, reason: impl Into<Reason>) -> Self {
        let Reason {
            message,
            suggestion,
        } = reason.into();
        Self {
            file: file.into(),
            position: None,
            message,
            suggestion,
        }
    }

    /// The same fault at a place in the file.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// The same fault without the line, which may hold a secret.
    #[must_use]
    pub fn without_excerpt(mut self) -> Self {
        if let Some(position) = &mut self.position {
            position.excerpt.clear();
        }
        self
    }
}

/// A place in a file, with the line that stands there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The number of characters that are marked, at least 1.
    #[serde(skip)]
    pub width: usize,
    /// The whole line, without its line break; empty where it must not be shown.
    #[serde(skip)]
    pub excerpt: String,
}

/// A file's text, which turns byte offsets into positions.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// Its content.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// A fault that names the file when it cannot be read or is not UTF-8.
    pub fn read(file: &Path) -> Result<Self, Fault> {
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Self {
                file: file.to_owned(),
                text,
            }),
            Err(error) => Err(Fault::new(file, format!("cannot be read: {error}"))),
        }
    }

    /// The place of a range of bytes. A range outside the text is taken to its nearest end.
    pub fn position(&self, span: &Range<usize>) -> Position {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        Position {
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            width: self.text[start..end.min(line_end)].chars().count().max(1),
            excerpt: self.text[line_start..line_end].trim_end().to_owned(),
        }
    }

    /// A fault at a range of bytes of this file.
    pub fn fault(&self, span: &Range<usize>, reason: impl Into<Reason>) -> Fault {
        Fault::new(&self.file, reason).at(self.position(span))
    }
}

/// All faults, so that a user can mend them in one go. Never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// `value` if nothing is wrong, else the faults in the order of their places.
    ///
    /// # Errors
    /// These faults, if there are any.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0
            .sort_by(|a, b| (&a.file, &a.position).cmp(&(&b.file, &b.position)));
        Err(self)
    }

    /// The faults as text in the given style.
    pub fn styled(&self, style: Style) -> Styled<'_> {
        Styled::new(self, style)
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.styled(Style::Plain).fmt(formatter)
    }
}

impl std::error::Error for Faults {}

/// The candidate that a misspelt word most likely means; none if no candidate is similar.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // A third of the letters may be wrong, and never all: other guesses help nobody.
    let letters = word.chars().count();
    let allowed = (letters / 3).max(1).min(letters.saturating_sub(1));
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// One of a few words.
///
/// # Errors
/// With the words, if it is none of them.
pub(crate) fn choice<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Reason> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let help = did_you_mean(text, &known, "possible values");
        Reason::new(format!("`{text}` is not possible here")).help(help)
    })
}

/// A suggestion for an unknown word: the nearest known one, or else all known ones.
pub fn did_you_mean(word: &str, known: &[&str], kind: &str) -> String {
    match nearest(word, known.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() => format!("there are no {kind} here"),
        None => format!("the {kind} are {}", listed(known)),
    }
}

/// The words in backticks, separated by commas.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}
