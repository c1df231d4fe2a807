//! Numbers the parameters of a statement in the order of its text, which the parser's tree does not have.

use std::borrow::Cow;
use std::collections::HashMap;

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

use super::limits::{MAX_DEPTH, MAX_PARAMETERS};
use super::refusal::{Fault, Outcome, too_deep};

/// The numbers given so far.
#[derive(Default)]
pub(super) struct Numbers {
    names: HashMap<String, usize>,
    pub(super) largest: usize,
}

impl Numbers {
    /// The number of the parameter with that spelling: `?`, `?1`, `:name`, `@name`, `$name`.
    pub(super) fn of(&mut self, spelling: &str) -> Outcome<usize> {
        if let Some(number) = self.names.get(spelling) {
            return Ok(*number);
        }
        let number = match spelling.strip_prefix('?') {
            Some(digits) if !digits.is_empty() => digits
                .parse()
                .map_err(|_| Fault::wrong(format!("{spelling} is not a parameter")))?,
            _ => self.largest + 1,
        };
        if number == 0 || number > MAX_PARAMETERS {
            return Err(Fault::wrong("a parameter's number is between 1 and 32766"));
        }
        self.largest = self.largest.max(number);
        if !spelling.starts_with('?') {
            self.names.insert(spelling.to_owned(), number);
        }
        Ok(number)
    }
}

/// The text with `?1`, `?2`, … for all parameters, and how many values SQLite would take.
/// Parentheses that are nested too deeply are refused here, before anything follows them.
pub(super) fn numbered(text: &str) -> Outcome<(Cow<'_, str>, usize)> {
    let mut numbers = Numbers::default();
    let mut result = String::new();
    let (mut copied, mut depth) = (0, 0_usize);
    let mut scanner = Scanner::new(Tokenizer::new());
    while let Ok((start, Some((_, kind)), end)) = scanner.scan(text.as_bytes()) {
        match kind {
            TokenType::TK_LP => depth += 1,
            TokenType::TK_RP => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if kind != TokenType::TK_VARIABLE {
            continue;
        }
        let spelling = &text[start..end];
        let number = numbers.of(spelling)?;
        if spelling.len() > 1 && spelling.starts_with('?') {
            continue;
        }
        result.push_str(&text[copied..start]);
        result.push_str(&format!("?{number}"));
        copied = end;
    }
    if copied == 0 {
        return Ok((Cow::Borrowed(text), numbers.largest));
    }
    result.push_str(&text[copied..]);
    Ok((Cow::Owned(result), numbers.largest))
}
