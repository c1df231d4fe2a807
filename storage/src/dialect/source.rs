//! The text of a statement: its tokens, and the place of a part of it.
//!
//! The parser's tree has no positions. A part is found by its tokens, which are the same wherever it stands.

use sqlite3_parser::ast::fmt::ToTokens;
use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

use super::numbering::Numbers;
use super::refusal::{Fault, Place, Refusal};
use super::tokens::{compared, tokens_of};

/// One token: where it stands, and its text as it is compared.
pub(super) struct Token {
    start: usize,
    end: usize,
    text: String,
}

/// Where the offset is.
pub(super) fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        offset: before.len(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The offset of a line and a column of the parser, which counts bytes.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let start = starts.into_iter().nth(line.saturating_sub(1)).unwrap_or(0);
    let mut offset = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The refusal of a fault.
pub(super) fn refusal(text: &str, fault: Fault) -> Refusal {
    let tokens = scan(text);
    let found = find(&tokens, &fault.tokens).or_else(|| {
        let longest = fault.tokens.iter().max_by_key(|token| token.len())?;
        find(&tokens, std::slice::from_ref(longest))
    });
    let start = found.or(tokens.first()).map_or(0, |token| token.start);
    Refusal {
        cause: fault.cause,
        place: place(text, start),
        reason: fault.reason.into_owned(),
        portable: fault.portable.map(std::borrow::Cow::into_owned),
    }
}

/// The text of a part as it stands in the statement. SQLite names a column of a result by it.
pub(super) fn text_of(text: &str, tokens: &[Token], part: &impl ToTokens) -> String {
    let wanted = tokens_of(part);
    let at = tokens
        .windows(wanted.len().max(1))
        .find(|window| matches(window, &wanted));
    match at.and_then(|window| Some((window.first()?, window.last()?))) {
        Some((first, last)) => text[first.start..last.end].to_owned(),
        None => wanted.join(" "),
    }
}

/// The texts of the columns of a statement's result, which are the names that SQLite gives them.
pub(super) fn column_texts(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut columns: Vec<(usize, usize)> = Vec::new();
    let (mut is_inside, mut is_new, mut last) = (false, true, String::new());
    for token in scan(text) {
        depth = match token.text.as_str() {
            "(" => depth + 1,
            ")" => depth.saturating_sub(1),
            _ => depth,
        };
        let is_outer = depth == 0 || (depth == 1 && token.text == "(");
        match token.text.as_str() {
            // The columns of a compound are named by its first arm.
            "select" if depth == 0 && columns.is_empty() => is_inside = true,
            "returning" if depth == 0 => {
                columns.clear();
                (is_inside, is_new) = (true, true);
            }
            "," if depth == 0 => is_new = true,
            "distinct" | "all" if is_inside && columns.is_empty() => {}
            word if is_outer && ends_columns(word, &last) => is_inside = false,
            _ if is_inside && is_new => {
                columns.push((token.start, token.end));
                is_new = false;
            }
            _ => {
                if let Some(column) = columns.last_mut().filter(|_| is_inside) {
                    column.1 = token.end;
                }
            }
        }
        last = token.text;
    }
    columns
        .iter()
        .map(|(start, end)| &text[*start..*end])
        .collect()
}

/// Whether a word stands after the columns of a result.
fn ends_columns(word: &str, last: &str) -> bool {
    match word {
        "from" => last != "distinct",
        "where" | "group" | "having" | "window" | "order" | "limit" | "union" | "except"
        | "intersect" | ";" => true,
        _ => false,
    }
}

fn find<'t>(tokens: &'t [Token], wanted: &[String]) -> Option<&'t Token> {
    if wanted.is_empty() {
        return None;
    }
    let found = tokens
        .windows(wanted.len())
        .find(|window| matches(window, wanted));
    found.and_then(<[Token]>::first)
}

fn matches(window: &[Token], wanted: &[String]) -> bool {
    window
        .iter()
        .zip(wanted)
        .all(|(token, wanted)| token.text == *wanted)
}

/// The tokens of a text, up to the first that is none.
pub(super) fn scan(text: &str) -> Vec<Token> {
    let mut scanner = Scanner::new(Tokenizer::new());
    let mut numbers = Numbers::default();
    let mut tokens = Vec::new();
    while let Ok((start, Some((_, kind)), end)) = scanner.scan(text.as_bytes()) {
        let mut token = compared(&text[start..end]);
        if kind == TokenType::TK_VARIABLE {
            token = numbers
                .of(&text[start..end])
                .map_or(token, |number| format!("?{number}"));
        }
        tokens.push(Token {
            start,
            end,
            text: token,
        });
    }
    tokens
}
