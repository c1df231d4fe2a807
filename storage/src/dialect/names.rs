//! Identifiers: SQLite compares them without regard to ASCII case, Postgres by bytes, so all are printed small and quoted.

use std::borrow::Cow;

use sqlite3_parser::ast::Name;

/// The text of an identifier or of a string, without its quotes.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(first) = text.chars().next() else {
        return Cow::Borrowed(text);
    };
    let last = match first {
        '"' | '\'' | '`' => first,
        '[' => ']',
        _ => return Cow::Borrowed(text),
    };
    let inner = text
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last))
        .unwrap_or(text);
    if first != '[' && inner.contains(first) {
        let quote = String::from(first);
        return Cow::Owned(inner.replace(&quote.repeat(2), &quote));
    }
    Cow::Borrowed(inner)
}

/// The identifier as it is compared.
pub(super) fn folded(name: &Name<'_>) -> String {
    fold(name.0)
}

/// As [`folded`], of the parser's text.
pub(super) fn fold(text: &str) -> String {
    unquoted(text).to_ascii_lowercase()
}

/// The identifier as Postgres reads it.
pub(super) fn quoted(folded: &str) -> String {
    format!("\"{}\"", folded.replace('"', "\"\""))
}

/// A string as Postgres reads it, without a type.
pub(super) fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
