//! Scripts that both engines run: what once failed, and one for each part of the dialect.
//!
//! Statements are parted by blank lines. Before one may stand `-- with 1 | 'x'`, its values; `-- refused …`, words of
//! the refusal that it must get; and `-- fails`, if no engine takes it.

use std::path::Path;

use super::engines::{Engines, Outcome};
use crate::sql::Value;

#[test]
fn every_script_gives_the_same_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect/tests/corpus");
    let mut files: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut engines = Engines::start();
    let mut faults = Vec::new();
    for file in &files {
        engines.reset();
        let script = std::fs::read_to_string(file).unwrap();
        for part in script.split("\n\n").filter(|part| !part.trim().is_empty()) {
            if let Err(fault) = run(&mut engines, part) {
                faults.push(format!("{}: {fault}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn run(engines: &mut Engines, part: &str) -> Result<(), String> {
    let (directives, lines): (Vec<&str>, Vec<&str>) =
        part.lines().partition(|line| line.starts_with("-- "));
    let text = lines.join("\n");
    let text = text.trim().trim_end_matches(';');
    if text.is_empty() {
        return Ok(());
    }
    let word = |name: &str| {
        let mut words = directives
            .iter()
            .filter_map(|line| line.strip_prefix("-- ")?.strip_prefix(name));
        words.next().map(str::trim)
    };
    let values = word("with").map_or_else(Vec::new, |list| values(engines, list));
    let is_ordered = text.contains("ORDER BY") || !text.contains("FROM");
    let outcome = engines.run(text, &values, is_ordered);
    match (outcome, word("refused"), word("fails")) {
        (Outcome::Same(_), None, None) | (Outcome::BothFailed, None, Some(_)) => Ok(()),
        (Outcome::Refused(reason), Some(words), None) if reason.contains(words) => Ok(()),
        (outcome, ..) => Err(format!("{text}\n{outcome:?}")),
    }
}

fn values(engines: &Engines, list: &str) -> Vec<Value> {
    let values = list.split(" | ").map(|literal| {
        let read = |row: &rusqlite::Row<'_>| Ok(super::values::value_of(row.get_ref_unwrap(0)));
        engines
            .sqlite
            .query_row(&format!("SELECT {literal}"), [], read)
            .unwrap()
    });
    values.collect()
}
