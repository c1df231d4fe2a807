//! docs/http-cache.md has a row with a reason for each test of the suite that does not simply pass.

use std::{collections::BTreeMap, fs};

use super::root;
use crate::cache_tests::expectation::{Expectation, FILE};

const PAGE: &str = "docs/http-cache.md";

/// The result that needs no reason.
const PASSED: &str = "pass";

/// The results in rows of the form ``| `test`, `test` | result | reason |``. The tests are those that `is_test` knows.
fn rows(page: &str, is_test: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let lines = page.lines().filter(|line| line.starts_with("| `"));
    let cells = lines.map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>());
    let with_reason = cells.filter(|cells| cells.len() == 3 && cells[2].len() > 2);
    with_reason
        .flat_map(|cells| {
            let tests = cells[0].split('`').skip(1).step_by(2);
            let tests = tests.filter(|test| is_test(test));
            tests
                .map(|test| (test.to_owned(), cells[1].to_owned()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_result_that_is_not_simply_passed_has_its_reason() {
    let expected = fs::read_to_string(root().join(FILE)).unwrap();
    let Expectation(mut expected) = Expectation::parse(&expected).unwrap();
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let documented = rows(&page, |test| expected.contains_key(test));
    let count = documented.len();
    let documented: BTreeMap<_, _> = documented.into_iter().collect();
    assert_eq!(documented.len(), count, "{PAGE} has a test twice");
    expected.retain(|_, outcome| outcome != PASSED);
    let missing: Vec<_> = expected
        .iter()
        .filter(|(test, outcome)| documented.get(*test) != Some(*outcome))
        .collect();
    assert!(missing.is_empty(), "{PAGE} does not have {missing:?}");
    let superfluous: Vec<_> = documented
        .keys()
        .filter(|test| !expected.contains_key(*test))
        .collect();
    assert!(
        superfluous.is_empty(),
        "{PAGE} gives reasons for tests that pass: {superfluous:?}"
    );
}

#[test]
fn rows_without_a_reason_do_not_count() {
    let page = "| `a`, `b` | no | because |\n| `c` | yes | |\n| `d` | yes | so it is |\n";
    let rows = rows(page, |test| test != "d");
    assert_eq!(
        rows,
        [("a", "no"), ("b", "no")].map(|(test, result)| (test.to_owned(), result.to_owned()))
    );
}
