//! One query in place of many that differ in a value.

use sqlite3_parser::dialect::TokenType;

use crate::sql::finding::Mend;
use crate::sql::words::Words;

/// Functions that make one row of many.
const AGGREGATES: [&str; 7] = ["count", "sum", "total", "avg", "min", "max", "group_concat"];

/// Words with which `IN` would not give the rows of the single queries together.
const WHOLE: [&str; 7] = [
    "LIMIT",
    "OFFSET",
    "GROUP",
    "DISTINCT",
    "UNION",
    "INTERSECT",
    "EXCEPT",
];

/// The mend of a shape that ran many times in one request.
pub(super) fn mend(shape: &str) -> Mend {
    let words = Words::of(shape);
    let query = match words.verb().as_str() {
        "SELECT" => with_in(shape, &words),
        "INSERT" => with_rows(shape, &words),
        _ => None,
    };
    query.map_or_else(|| Mend::Change(in_words(&words)), Mend::Query)
}

fn in_words(words: &Words<'_>) -> String {
    let text = match words.verb().as_str() {
        "SELECT" | "WITH" => {
            "read all of it at once: join this table in the query before it, or collect the keys and compare them with IN (?, ?, …)"
        }
        _ => {
            "change all of it at once: one statement with IN (?, ?, …), or a batch of statements in one transaction"
        }
    };
    text.to_owned()
}

/// The query with `IN` in place of its last comparison with a value.
fn with_in(shape: &str, words: &Words<'_>) -> Option<String> {
    if WHOLE.iter().any(|word| words.has(word)) {
        return None;
    }
    let at = |kind: TokenType| {
        let mut all = words.0.iter();
        all.position(|word| word.kind == kind && word.depth == 0)
    };
    let (from, condition) = (at(TokenType::TK_FROM)?, at(TokenType::TK_WHERE)?);
    let (name, equals) = last_comparison(words, condition)?;
    let column = &shape[words.0[name].start..words.0[equals].start];
    let column = column.trim_end();
    let value = words.0[equals + 1];
    let (head, rest) = (
        &shape[..words.0[equals].start],
        &shape[value.start + value.text.len()..],
    );
    let list = shape[words.0[1].start..words.0[from].start].trim_end();
    let has_column = list == "*" || list.split(", ").any(|listed| listed == column);
    let head = match has_column {
        true => head.to_owned(),
        false => format!("SELECT {column}, {}", &head[words.0[1].start..]),
    };
    let grouping = match is_aggregate(words, from) {
        true => format!(" GROUP BY {column}"),
        false => String::new(),
    };
    let (conditions, order) = match rest.find(" ORDER BY ") {
        Some(order) => rest.split_at(order),
        None => (rest, ""),
    };
    Some(format!("{head}IN (?, ?, …){conditions}{grouping}{order}"))
}

/// The first word of the column, and the equals sign, of the last comparison with a value outside of parentheses.
fn last_comparison(words: &Words<'_>, condition: usize) -> Option<(usize, usize)> {
    let places = condition + 1..words.0.len();
    let mut found = places.filter_map(|at| {
        let is_inside = words.0[at].depth > 0 || words.kind(at - 1) == Some(TokenType::TK_DOT);
        let name = words.name(at).filter(|_| !is_inside)?;
        let equals = at + name.words;
        let is_comparison = words.kind(equals) == Some(TokenType::TK_EQ)
            && words.kind(equals + 1) == Some(TokenType::TK_VARIABLE);
        is_comparison.then_some((at, equals))
    });
    found.next_back()
}

fn is_aggregate(words: &Words<'_>, from: usize) -> bool {
    (1..from).any(|at| {
        let word = &words.0[at];
        let is_called = words.kind(at + 1) == Some(TokenType::TK_LP) && word.depth == 0;
        is_called
            && AGGREGATES
                .iter()
                .any(|name| name.eq_ignore_ascii_case(word.text))
    })
}

/// The statement with several rows.
fn with_rows(shape: &str, words: &Words<'_>) -> Option<String> {
    let values = words
        .0
        .iter()
        .position(|word| word.kind == TokenType::TK_VALUES)?;
    let open = words.0.get(values + 1)?;
    let after = words.0[values + 2..].iter();
    let close = after
        .clone()
        .find(|word| word.kind == TokenType::TK_RP && word.depth == open.depth)?;
    let end = close.start + 1;
    let row = &shape[open.start..end];
    Some(format!("{}, {row}, …{}", &shape[..end], &shape[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &str, expected: &str) {
        assert_eq!(mend(shape), Mend::Query(expected.to_owned()));
    }

    #[test]
    fn one_query_reads_all_keys() {
        check(
            "SELECT name FROM users WHERE id = ?",
            "SELECT id, name FROM users WHERE id IN (?, ?, …)",
        );
        check(
            "SELECT * FROM lines AS l WHERE l.kind = ? AND l.order_id = ? ORDER BY l.id",
            "SELECT * FROM lines AS l WHERE l.kind = ? AND l.order_id IN (?, ?, …) ORDER BY l.id",
        );
        check(
            "SELECT count(*) FROM lines WHERE order_id = ?",
            "SELECT order_id, count(*) FROM lines WHERE order_id IN (?, ?, …) GROUP BY order_id",
        );
    }

    #[test]
    fn one_statement_inserts_all_rows() {
        check(
            "INSERT INTO lines (a, b) VALUES (?, …) ON CONFLICT DO NOTHING",
            "INSERT INTO lines (a, b) VALUES (?, …), (?, …), … ON CONFLICT DO NOTHING",
        );
    }

    #[test]
    fn a_query_that_cannot_be_rewritten_gets_words() {
        for shape in [
            "SELECT id FROM users WHERE name = ? LIMIT ?",
            "SELECT id FROM users",
            "UPDATE users SET seen = ? WHERE id = ?",
        ] {
            assert!(matches!(mend(shape), Mend::Change(_)), "{shape}");
        }
    }
}
