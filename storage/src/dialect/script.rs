//! The statements of a script: the text of each, and where it begins. Whether they are right is left to the engines.

use std::ops::Range;

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

/// The ranges of the statements in a script, in bytes, without comments around them and without the semicolons between
/// them. A trigger is one statement, although it contains semicolons. What cannot be read as tokens is part of the last
/// statement, for which the engine has the error.
#[must_use]
pub fn statements(script: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner::new(Tokenizer::new());
    let mut statements = Vec::new();
    let mut words: Vec<(TokenType, Range<usize>)> = Vec::new();
    let mut read = 0;
    while read < script.len() {
        match scanner.scan(script.as_bytes()) {
            Ok((start, Some((_, kind)), end)) => {
                read = end;
                if kind == TokenType::TK_SEMI && is_complete(&words) {
                    statements.extend(range(&words));
                    words.clear();
                } else {
                    words.push((kind, start..end));
                }
            }
            Ok((_, None, _)) => break,
            Err(_) => {
                let rest = script[read..].trim();
                let start = script.len() - script[read..].trim_start().len();
                words.push((TokenType::TK_ID, start..start + rest.len()));
                break;
            }
        }
    }
    statements.extend(range(&words));
    statements
}

fn range(words: &[(TokenType, Range<usize>)]) -> Option<Range<usize>> {
    Some(words.first()?.1.start..words.last()?.1.end)
}

/// Whether a semicolon after these tokens ends the statement. In a trigger, it must follow `; END`, as in SQLite's own
/// `sqlite3_complete`.
fn is_complete(words: &[(TokenType, Range<usize>)]) -> bool {
    let kind = |at: usize| words.get(at).map(|(kind, _)| *kind);
    let at = match kind(1) {
        Some(TokenType::TK_TEMP) => 2,
        _ => 1,
    };
    if kind(0) != Some(TokenType::TK_CREATE) || kind(at) != Some(TokenType::TK_TRIGGER) {
        return true;
    }
    matches!(words, [.., (TokenType::TK_SEMI, _), (TokenType::TK_END, _)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: &[&str]) {
        let found: Vec<&str> = statements(script)
            .into_iter()
            .map(|range| &script[range])
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_are_not_statements() {
        let script = "-- one;\nSELECT 1;\n\n  /* two; */\nSELECT 2;;\n-- three;";
        check(script, &["SELECT 1", "SELECT 2"]);
        check("-- nothing\n", &[]);
    }

    #[test]
    fn a_semicolon_in_a_text_or_name_ends_nothing() {
        let script = "SELECT 'it''s;', \"a;b\", `c;d`, [e;f]; SELECT 2";
        let first = "SELECT 'it''s;', \"a;b\", `c;d`, [e;f]";
        check(script, &[first, "SELECT 2"]);
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET b = CASE WHEN 1 THEN 2 END;\n  DELETE FROM c;\nEND";
        check(&format!("{trigger};\nSELECT 1;"), &[trigger, "SELECT 1"]);
    }

    #[test]
    fn a_text_without_end_is_the_end_of_the_script() {
        check(
            "SELECT 1;\nSELECT 'é; SELECT 2; \n",
            &["SELECT 1", "SELECT 'é; SELECT 2;"],
        );
        check("SELECT 1; 'é;", &["SELECT 1", "'é;"]);
    }
}
