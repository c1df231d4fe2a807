//! docs/problems.md lists each failure of the code with its status and its error type for `Proxy-Status`.

use std::{collections::BTreeMap, fs};

use super::root;

/// Names of failures, each with its status and error type.
type Problems = BTreeMap<String, [String; 2]>;

/// The rows of the table in `Failure::problem`: `Self::A => (404, "no-route", "title", "error type", …),`.
fn defined(source: &str) -> Problems {
    let rows = source
        .lines()
        .filter(|line| line.trim().starts_with("Self::"))
        .filter_map(|line| line.split_once(" => (")?.1.split_once(", \""));
    rows.filter_map(|(status, rest)| {
        let words: Vec<&str> = rest.split("\", \"").collect();
        let [name, _title, error_and_rest] = words.as_slice() else {
            return None;
        };
        let error = error_and_rest.split('"').next()?;
        Some(((*name).to_owned(), [status.to_owned(), error.to_owned()]))
    })
    .collect()
}

/// The rows ``| `name` | status | `error type` | …`` of the page.
fn listed(page: &str) -> Problems {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let mut cells = row
            .split(" | ")
            .map(|cell| cell.trim_matches('`').to_owned());
        Some((cells.next()?, [cells.next()?, cells.next()?]))
    })
    .collect()
}

#[test]
fn page_lists_each_failure_of_the_code() {
    let page = fs::read_to_string(root().join("docs/problems.md")).unwrap();
    let source = fs::read_to_string(root().join("runtime/src/failure.rs")).unwrap();
    let defined = defined(&source);
    assert!(
        !defined.is_empty(),
        "the table in runtime/src/failure.rs has another form now"
    );
    assert_eq!(
        listed(&page),
        defined,
        "left: docs/problems.md, right: runtime/src/failure.rs"
    );
}

#[test]
fn rows_of_the_code_and_of_the_page_agree() {
    let code = "    Self::NoRoute => (404, \"no-route\", \"Nothing\", \"destination_not_found\", Client, Never),";
    let page = "| `no-route` | 404 | `destination_not_found` | why | what to do |";
    assert_eq!(defined(code), listed(page));
    assert_eq!(defined(code).len(), 1);
}
