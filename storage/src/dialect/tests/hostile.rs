//! Whatever text comes, the dialect answers, and never with a panic.

use proptest::prelude::{any, proptest};
use proptest::sample::select;
use proptest::strategy::Strategy as _;

use super::super::{Schema, translate};

const WORDS: [&str; 60] = [
    "SELECT",
    "FROM",
    "WHERE",
    "INSERT",
    "INTO",
    "VALUES",
    "UPDATE",
    "SET",
    "DELETE",
    "t",
    "id",
    "name",
    "(",
    ")",
    ",",
    "*",
    "=",
    "'a'",
    "1",
    "?",
    "?2",
    ":a",
    "AS",
    "JOIN",
    "ON",
    "GROUP",
    "BY",
    "ORDER",
    "LIMIT",
    "WITH",
    "RECURSIVE",
    "UNION",
    "ALL",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "NOT",
    "NULL",
    "IN",
    "EXISTS",
    "CREATE",
    "TABLE",
    "INTEGER",
    "TEXT",
    "PRIMARY",
    "KEY",
    "INDEX",
    "count",
    "max",
    "OVER",
    "\"x\"",
    "[y]",
    "x'00'",
    "1.5e3",
    "->>",
    "||",
    "COLLATE",
    "NOCASE",
    ";",
];

fn schema() -> Schema {
    let mut schema = Schema::new();
    schema
        .apply("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        .unwrap();
    schema
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = translate(&text, &schema(), &[]);
        let _ = schema().apply(&text);
    }

    #[test]
    fn any_order_of_words_is_answered(words in proptest::collection::vec(select(&WORDS[..]), 0..30)) {
        let text = words.join(" ");
        let _ = translate(&text, &schema(), &[]);
        let _ = schema().apply(&text);
    }

    #[test]
    fn any_start_of_a_statement_is_answered(end in (0..200_usize).prop_map(|end| end)) {
        let text = "WITH RECURSIVE w(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM w WHERE n < ?1) \
            SELECT t.name, count(*) FILTER (WHERE id > 1) FROM t JOIN w ON w.n = t.id GROUP BY t.name ORDER BY 1";
        let text = text.get(..end.min(text.len())).unwrap_or(text);
        let _ = translate(text, &schema(), &[]);
    }
}

#[test]
fn deep_nesting_is_refused_or_carried_over() {
    for depth in [10, 100, 1_000, 20_000] {
        let text = format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
        let result = translate(&text, &schema(), &[]);
        assert_eq!(result.is_ok(), depth < 150, "{depth}");
        for operator in ["1 + ", "- ", "NOT ", "1 || "] {
            let text = format!("SELECT {}1", operator.repeat(depth));
            let result = translate(&text, &schema(), &[]);
            assert_eq!(result.is_ok(), depth < 150, "{operator} {depth}");
        }
        let text = format!("SELECT 1 WHERE {}1", "1 OR ".repeat(depth));
        assert!(translate(&text, &schema(), &[]).is_ok());
    }
}

/// Each of these took seconds when its time grew with the square of its length.
#[test]
fn long_statements_are_answered() {
    let sums = vec!["1+1"; 2_000].join(", ");
    let values = vec!["?"; 32_000].join(", ");
    let named: Vec<String> = (0..32_000).map(|number| format!(":p{number}")).collect();
    let named = named.join(", ");
    for text in [
        format!("SELECT * FROM (SELECT {sums})"),
        format!("SELECT {}", vec!["(SELECT 1+1)"; 2_000].join(", ")),
        format!("SELECT id FROM t WHERE id IN ({values})"),
        format!("SELECT id FROM t WHERE id IN ({named})"),
    ] {
        assert!(translate(&text, &schema(), &[]).is_ok());
    }
}
