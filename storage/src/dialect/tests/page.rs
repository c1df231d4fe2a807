//! The table of portable statements in `docs/databases.md`: each row goes through the dialect.

use super::super::{Cause, Schema, statements, translate};

const PAGE: &str = include_str!("../../../../docs/databases.md");

/// The code between backticks at the start of a cell.
fn code(cell: &str) -> Option<&str> {
    cell.trim().strip_prefix('`')?.strip_suffix('`')
}

/// The schema that the page shows.
fn schema() -> Schema {
    let (_, section) = PAGE.split_once("\n## What is portable\n").unwrap();
    let (_, script) = section.split_once("```sql\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let mut schema = Schema::new();
    for range in statements(script) {
        schema.apply(&script[range]).unwrap();
    }
    schema
}

#[test]
fn the_page_on_databases_says_what_is_portable() {
    let schema = schema();
    let (_, table) = PAGE
        .split_once("| write instead |\n|---|---|---|---|\n")
        .unwrap();
    let rows: Vec<&str> = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let row = row.trim_matches('|').trim_end();
        let cells: Vec<&str> = row
            .split(" | ")
            .map(|cell| cell.trim_matches([' ', '|']))
            .collect();
        let [_, statement, portable, ..] = &cells[..] else {
            panic!("{row}");
        };
        let instead = cells.get(3).filter(|cell| !cell.is_empty());
        let statement = code(statement).unwrap();
        match (*portable, translate(statement, &schema, &[])) {
            ("yes", Ok(_)) => assert_eq!(instead, None, "{row}"),
            ("no", Err(refusal)) => assert_ne!(refusal.cause, Cause::Wrong, "{refusal}: {row}"),
            (_, outcome) => panic!("{outcome:?}: {row}"),
        }
        if let Some(instead) = instead {
            translate(code(instead).unwrap(), &schema, &[]).unwrap();
        }
    }
}
