//! Splits SQL into tokens, to find where a statement begins and ends.

use std::ops::Range;

/// The statements of a script, without the semicolons between them. A trigger is one statement, although it contains
/// semicolons.
pub(crate) fn statements(script: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut current: Vec<(Token<'_>, Range<usize>)> = Vec::new();
    for (token, range) in tokens(script) {
        if token == Token::Semicolon && is_complete(&current) {
            statements.extend(text(script, &current));
            current.clear();
        } else {
            current.push((token, range));
        }
    }
    statements.extend(text(script, &current));
    statements
}

/// The first word of a statement, or `""`.
pub(crate) fn first_word(statement: &str) -> &str {
    match tokens(statement).next() {
        Some((Token::Word(word), _)) => word,
        _ => "",
    }
}

fn text<'a>(script: &'a str, tokens: &[(Token<'_>, Range<usize>)]) -> Option<&'a str> {
    let start = tokens.first()?.1.start;
    let end = tokens.last()?.1.end;
    script.get(start..end)
}

/// Whether a semicolon after these tokens ends the statement. In a trigger, it must follow `; END`, as in SQLite's own
/// `sqlite3_complete`.
fn is_complete(tokens: &[(Token<'_>, Range<usize>)]) -> bool {
    let is = |index: usize, word: &str| matches!(tokens.get(index), Some((Token::Word(found), _)) if found.eq_ignore_ascii_case(word));
    let kind = if is(1, "TEMP") || is(1, "TEMPORARY") {
        2
    } else {
        1
    };
    if !(is(0, "CREATE") && is(kind, "TRIGGER")) {
        return true;
    }
    matches!(tokens, [.., (Token::Semicolon, _), (Token::Word(end), _)] if end.eq_ignore_ascii_case("END"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Semicolon,
    Space,
    Other,
}

fn tokens(text: &str) -> impl Iterator<Item = (Token<'_>, Range<usize>)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let (token, length) = first_token(rest);
        let range = start..start + length;
        start = range.end;
        Some((token, range))
    })
    .filter(|(token, _)| *token != Token::Space)
}

fn first_token(rest: &str) -> (Token<'_>, usize) {
    let run = |is: fn(char) -> bool| rest.find(|character| !is(character)).unwrap_or(rest.len());
    let until = |opening: usize, end: &str| {
        let inside = rest.get(opening..).unwrap_or("");
        inside
            .find(end)
            .map_or(rest.len(), |at| opening + at + end.len())
    };
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        _ if rest.starts_with("--") => (Token::Space, until(2, "\n")),
        _ if rest.starts_with("/*") => (Token::Space, until(2, "*/")),
        // A doubled quote inside reads as two adjacent texts, which end at the same place.
        '\'' => (Token::Other, until(1, "'")),
        '"' => (Token::Other, until(1, "\"")),
        '`' => (Token::Other, until(1, "`")),
        '[' => (Token::Other, until(1, "]")),
        ';' => (Token::Semicolon, 1),
        _ if first.is_whitespace() => (Token::Space, run(char::is_whitespace)),
        _ if is_word(first) => {
            let length = run(is_word);
            (Token::Word(rest.get(..length).unwrap_or(rest)), length)
        }
        _ => (Token::Other, first.len_utf8()),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_not_statements() {
        assert_eq!(
            statements("-- one;\nSELECT 1;\n\n  /* two; */\nSELECT 2;\n-- three;"),
            ["SELECT 1", "SELECT 2"]
        );
    }

    #[test]
    fn a_semicolon_in_a_text_or_name_ends_nothing() {
        let script = "SELECT 'it''s;', \"a;b\", `c;d`, [e;f]; SELECT 2";
        assert_eq!(
            statements(script),
            ["SELECT 'it''s;', \"a;b\", `c;d`, [e;f]", "SELECT 2"]
        );
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET b = CASE WHEN 1 THEN 2 END;\n  DELETE FROM c;\nEND";
        assert_eq!(
            statements(&format!("{trigger};\nSELECT 1;")),
            [trigger, "SELECT 1"]
        );
    }

    #[test]
    fn a_text_without_end_is_the_end_of_the_script() {
        assert_eq!(statements("SELECT 'é; SELECT 2;"), ["SELECT 'é; SELECT 2;"]);
        assert_eq!(statements("/* nothing"), Vec::<&str>::new());
    }

    #[test]
    fn the_first_word_stands_behind_comments() {
        assert_eq!(
            first_word("  -- a comment\n/* two */begin IMMEDIATE"),
            "begin"
        );
        assert_eq!(first_word("(SELECT 1)"), "");
        assert_eq!(first_word(""), "");
    }
}
