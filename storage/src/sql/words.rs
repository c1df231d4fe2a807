//! The words of a statement, as SQLite's scanner reads them: which tables it names, under which aliases, and how it uses
//! their columns. It is enough to guess at indexes, because each guess is tried.

use std::borrow::Cow;

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

/// A word with its kind and the number of parentheses around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'t> {
    pub(crate) kind: TokenType,
    pub(crate) text: &'t str,
    pub(crate) depth: usize,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
}

/// The words of a statement.
#[derive(Debug)]
pub(crate) struct Words<'t>(pub(crate) Vec<Word<'t>>);

impl<'t> Words<'t> {
    pub(crate) fn of(sql: &'t str) -> Self {
        let mut scanner = Scanner::new(Tokenizer::new());
        let mut words = Vec::new();
        let mut depth = 0_usize;
        while let Ok((start, Some((_, kind)), end)) = scanner.scan(sql.as_bytes()) {
            if kind == TokenType::TK_RP {
                depth = depth.saturating_sub(1);
            }
            words.push(Word {
                kind,
                text: &sql[start..end],
                depth,
                start,
            });
            if kind == TokenType::TK_LP {
                depth += 1;
            }
        }
        Self(words)
    }

    pub(crate) fn kind(&self, at: usize) -> Option<TokenType> {
        self.0.get(at).map(|word| word.kind)
    }

    /// The name that begins at a word, with its qualifier and the number of its words: `a`, `"a"`, `t.a`.
    pub(crate) fn name(&self, at: usize) -> Option<Name<'t>> {
        let first = self.0.get(at).filter(|word| is_name(word))?;
        if self.kind(at + 1) != Some(TokenType::TK_DOT) {
            return Some(Name {
                qualifier: None,
                name: unquoted(first.text),
                words: 1,
            });
        }
        let second = self.0.get(at + 2).filter(|word| is_name(word))?;
        Some(Name {
            qualifier: Some(unquoted(first.text)),
            name: unquoted(second.text),
            words: 3,
        })
    }

    /// The first word, in capital letters.
    pub(crate) fn verb(&self) -> String {
        let first = self.0.first();
        first.map_or_else(String::new, |word| word.text.to_ascii_uppercase())
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.0
            .iter()
            .any(|word| word.text.eq_ignore_ascii_case(text))
    }

    /// The tables that are named, of those that `is_table` knows, each with its alias.
    pub(crate) fn tables(
        &self,
        is_table: impl Fn(&str) -> Option<String>,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for at in 0..self.0.len() {
            let follows = at.checked_sub(1).and_then(|before| self.0.get(before));
            let may_be = follows.is_some_and(|before| {
                matches!(
                    before.kind,
                    TokenType::TK_FROM
                        | TokenType::TK_JOIN
                        | TokenType::TK_COMMA
                        | TokenType::TK_INTO
                        | TokenType::TK_UPDATE
                        | TokenType::TK_LP
                )
            });
            let Some(name) = self
                .name(at)
                .filter(|name| may_be && name.qualifier.is_none())
            else {
                continue;
            };
            if let Some(table) = is_table(&name.name) {
                let alias = self.alias(at + 1).unwrap_or_else(|| table.clone());
                found.push((table, alias));
            }
        }
        found
    }

    fn alias(&self, at: usize) -> Option<String> {
        let at = at + usize::from(self.kind(at) == Some(TokenType::TK_AS));
        let word = self
            .0
            .get(at)
            .filter(|word| word.kind == TokenType::TK_ID)?;
        Some(unquoted(word.text).into_owned())
    }
}

/// A name with its qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name<'t> {
    pub(crate) qualifier: Option<Cow<'t, str>>,
    pub(crate) name: Cow<'t, str>,
    /// How many words it takes.
    pub(crate) words: usize,
}

/// Whether a word may be a name. SQLite also takes many of its own words for names, such as `key`.
fn is_name(word: &Word<'_>) -> bool {
    let first = word.text.chars().next();
    first.is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '"' | '`' | '['))
        && word.kind != TokenType::TK_BLOB
}

fn unquoted(text: &str) -> Cow<'_, str> {
    let inner = match text.as_bytes() {
        [b'"', .., b'"'] | [b'`', .., b'`'] | [b'[', .., b']'] => &text[1..text.len() - 1],
        _ => return Cow::Borrowed(text),
    };
    match text.as_bytes().first() {
        Some(b'"') if inner.contains("\"\"") => Cow::Owned(inner.replace("\"\"", "\"")),
        _ => Cow::Borrowed(inner),
    }
}

/// A name as SQL takes it: quoted if it must be.
pub(crate) fn quoted(name: &str) -> String {
    let is_plain = name
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && sqlite3_parser::dialect::keyword_token(name.as_bytes()).is_none();
    match is_plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}
