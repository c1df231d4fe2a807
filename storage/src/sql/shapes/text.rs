//! The shape of a statement: its text without its values, so that texts that differ only in values are one shape.
//! Counting shapes is left to [`super::table`].

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

use crate::sql::limits::{MAX_SHAPE_BYTES, MAX_SHAPED_BYTES};

/// What stands for the rest of a text that is too long.
const CUT: char = '…';

/// The text of a statement's shape: on one line, without comments, with `?` for each literal and each parameter without
/// a name, and with `?, …` for a list of them. What cannot be read as tokens ends it.
pub(super) fn shape(text: &str) -> String {
    let read = &text[..text.floor_char_boundary(MAX_SHAPED_BYTES)];
    let mut scanner = Scanner::new(Tokenizer::new());
    let mut line = Line::default();
    let mut read_to = 0;
    while let Ok((start, Some((_, kind)), end)) = scanner.scan(read.as_bytes()) {
        line.push(kind, &read[start..end], start > read_to);
        read_to = end;
        if line.text.len() > MAX_SHAPE_BYTES {
            break;
        }
    }
    line.finish(read_to < text.trim_end().len())
}

/// The shape so far.
#[derive(Default)]
struct Line {
    text: String,
    /// How the last tokens end a list of values: `?`, then `?,`.
    list: List,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum List {
    #[default]
    None,
    /// After one value.
    Value,
    /// After a value and a comma.
    Comma,
    /// After `?, …`, which stands for all that follow.
    Values,
    /// After a comma that follows `?, …`.
    FurtherComma,
}

impl Line {
    fn push(&mut self, kind: TokenType, token: &str, is_apart: bool) {
        if is_value(kind, token) {
            return self.push_value(is_apart);
        }
        if kind == TokenType::TK_COMMA {
            self.list = match self.list {
                List::Value => List::Comma,
                List::Values => List::FurtherComma,
                _ => List::None,
            };
            // It is written when it is known that no value follows.
            if self.list == List::None {
                self.text.push_str(", ");
            }
            return;
        }
        self.end_list();
        self.space(is_apart);
        self.text.push_str(token);
    }

    fn push_value(&mut self, is_apart: bool) {
        self.list = match self.list {
            List::None | List::Value => {
                self.space(is_apart);
                self.text.push('?');
                List::Value
            }
            List::Comma => {
                self.text.push_str(", …");
                List::Values
            }
            List::Values | List::FurtherComma => List::Values,
        };
    }

    /// A comma that was held back belongs to what follows.
    fn end_list(&mut self) {
        if matches!(self.list, List::Comma | List::FurtherComma) {
            self.text.push_str(", ");
        }
        self.list = List::None;
    }

    fn space(&mut self, is_apart: bool) {
        if is_apart && !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    fn finish(self, is_cut: bool) -> String {
        let mut text = self.text;
        for row in ["(?)", "(?, …)"] {
            let two = format!("{row}, {row}");
            while text.contains(&two) {
                text = text.replace(&two, row);
            }
        }
        text.truncate(text.floor_char_boundary(MAX_SHAPE_BYTES));
        let kept = text.trim_end_matches([' ', ';']).len();
        text.truncate(kept);
        if is_cut {
            text.push(CUT);
        }
        text
    }
}

/// Whether a token is a value: a literal, or a parameter without a name.
fn is_value(kind: TokenType, token: &str) -> bool {
    match kind {
        TokenType::TK_STRING | TokenType::TK_INTEGER | TokenType::TK_FLOAT | TokenType::TK_BLOB => {
            true
        }
        TokenType::TK_VARIABLE => token.starts_with('?'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(shape(text), expected);
    }

    #[test]
    fn values_are_not_part_of_a_shape() {
        let expected = "SELECT name FROM item WHERE id = ? AND kind = ? LIMIT ?";
        check(
            "SELECT name FROM item WHERE id = 7 AND kind = 'a''b' LIMIT 10",
            expected,
        );
        check(
            "SELECT name FROM item WHERE id = ?1 AND kind = ?2 LIMIT ?3;",
            expected,
        );
        check(
            "SELECT name\n  FROM item -- all\n WHERE id = 1.5 AND kind = x'00' LIMIT ?",
            expected,
        );
        check(
            "SELECT \"a\" FROM t WHERE b = :name",
            "SELECT \"a\" FROM t WHERE b = :name",
        );
    }

    #[test]
    fn lists_of_any_length_are_one_shape() {
        let expected = "SELECT a FROM t WHERE b IN (?, …) AND c = ?";
        check("SELECT a FROM t WHERE b IN (1,2,3) AND c = ?", expected);
        check("SELECT a FROM t WHERE b IN (?, ?) AND c = 'x'", expected);
        let rows = "INSERT INTO t (a, b) VALUES (?, …)";
        check(
            "INSERT INTO t (a, b) VALUES (?1, ?2), (?3, ?4), (5, 'x')",
            rows,
        );
        check("INSERT INTO t (a, b) VALUES (1,2)", rows);
        check(
            "SELECT coalesce(a, 1, b) FROM t",
            "SELECT coalesce(a, ?, b) FROM t",
        );
        check("SELECT 1, 2, a FROM t", "SELECT ?, …, a FROM t");
    }

    #[test]
    fn long_and_broken_texts_are_cut() {
        let long = format!("SELECT {} FROM t", "a_column + ".repeat(10_000));
        let cut = shape(&long);
        assert!(cut.len() <= MAX_SHAPE_BYTES + CUT.len_utf8() && cut.ends_with(CUT));
        let many = format!("SELECT a FROM t WHERE b IN ({}1)", "1,".repeat(100_000));
        assert!(shape(&many).starts_with("SELECT a FROM t WHERE b IN (?, …"));
        check("SELECT 'é", "SELECT…");
        check("", "");
    }
}
