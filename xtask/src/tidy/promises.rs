//! In pages with promises to users, each paragraph, list and table names the test that holds it.
//!
//! The name is in a comment that readers do not see: `<!-- held by: name_of_the_test -->`. Commas separate several names. A
//! block without a promise has `<!-- no promise -->`. The comment is the last line of its block, or follows it as a block of
//! its own.

use std::{collections::BTreeSet, fs};

use super::{pages::prose, root, text_files};

/// The pages.
const PAGES: [&str; 8] = [
    "docs/assets.md",
    "docs/http-cache.md",
    "docs/operating.md",
    "docs/limits.md",
    "docs/databases.md",
    "docs/deploy.md",
    "docs/queues.md",
    "docs/workflows.md",
];

const HELD_BY: &str = "<!-- held by:";

const NO_PROMISE: &str = "<!-- no promise -->";

/// The paragraphs, lists and tables of a page, without headings and without code.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    // A code block ends the paragraph before it, as an empty line does.
    let lines = page.replace("\n```", "\n\n```");
    for line in prose(&lines) {
        let last = blocks.last_mut().expect("there is one from the start");
        if line.trim().is_empty() || line.starts_with('#') {
            blocks.push(String::new());
        } else {
            last.push_str(line);
            last.push('\n');
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

fn is_comment(block: &str) -> bool {
    block.starts_with(HELD_BY) || block.starts_with(NO_PROMISE)
}

/// The first lines of the blocks that neither name a test nor have `<!-- no promise -->`.
fn unheld(page: &str) -> Vec<String> {
    let blocks = blocks(page);
    let mut unheld = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let next_is_comment = blocks.get(index + 1).is_some_and(|next| is_comment(next));
        if !block.contains(HELD_BY) && !block.contains(NO_PROMISE) && !next_is_comment {
            unheld.extend(block.lines().next().map(ToOwned::to_owned));
        }
    }
    unheld
}

/// The tests that a page names.
fn named(page: &str) -> Vec<&str> {
    let comments = page.split(HELD_BY).skip(1);
    let names = comments.filter_map(|rest| rest.split("-->").next());
    names
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .collect()
}

/// The names of all tests of the repository. In a file of tests each function counts, because a macro may make it a test.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in text_files(&root())
        .iter()
        .filter(|file| file.has_extension(&["rs"]))
    {
        let mut parts = file.path.iter().map(|part| part.to_string_lossy());
        let is_for_tests =
            parts.any(|part| part.starts_with("test") || part.starts_with("contract"));
        found.extend(tests_in(&file.text, is_for_tests));
    }
    found
}

/// The functions with an attribute that makes them tests, such as `#[test]` or `#[tokio::test]`; or all functions.
fn tests_in(source: &str, all: bool) -> BTreeSet<String> {
    let mut is_test = false;
    let mut found = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        let name = line
            .split_once("fn ")
            .and_then(|(_, rest)| rest.split(['(', '<']).next());
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
        } else if let Some(name) = name {
            if is_test || all {
                found.insert(name.to_owned());
            }
            is_test = false;
        }
    }
    found
}

#[test]
fn tests_that_pages_name_exist() {
    let tests = tests();
    let mut gone = Vec::new();
    for file in text_files(&root())
        .iter()
        .filter(|file| file.has_extension(&["md"]))
    {
        let names = named(&file.text)
            .into_iter()
            .filter(|name| !tests.contains(*name));
        gone.extend(names.map(|name| format!("{}: {name}", file.path.display())));
    }
    assert!(
        gone.is_empty(),
        "no tests have these names:\n{}",
        gone.join("\n")
    );
}

#[test]
fn each_promise_of_a_page_names_its_test() {
    for page in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let unheld = unheld(&text);
        assert!(
            unheld.is_empty(),
            "{page}: these name no test (`<!-- held by: name -->`):\n{}",
            unheld.join("\n")
        );
    }
}

#[test]
fn blocks_are_held_by_a_comment_in_them_or_behind_them() {
    let page = "# A\nOne\nline.\n<!-- held by: a, b -->\n\n- two\n\n<!-- no promise -->\n\n## B\n\nthree:\n```\ncode\n```\n";
    assert_eq!(unheld(page), ["three:"]);
    assert_eq!(named(page), ["a", "b"]);
}

#[test]
fn only_functions_that_are_run_as_tests_count() {
    let source = "#[tokio::test]\n#[ignore = \"slow\"]\nasync fn a() {}\nfn b() {}\n#[test]\nfn c() {}\n#[inline]\nfn d() {}";
    assert_eq!(
        tests_in(source, false).into_iter().collect::<Vec<_>>(),
        ["a", "c"]
    );
}
