//! docs/settings.md and docs/manifest.md name each key that the code reads.

use std::collections::BTreeSet;

use super::{root, text_files};

/// The code that precedes the name of a key where it is read.
const READS: [&str; 13] = [
    ".get(\"",
    ".table(\"",
    ".string(\"",
    ".strings(\"",
    ".boolean(\"",
    ".number(\"",
    ".parsed(\"",
    ".required(\"",
    "time(\"",
    "count(\"",
    "count(&table, \"",
    "string_map(table, \"",
    "string_map(&table, \"",
];

/// The keys that the source files in a folder, and the file with its name, read.
fn keys_read(folder: &str) -> BTreeSet<String> {
    let sources = text_files(&root().join(folder)).into_iter();
    sources
        .filter(|file| {
            !file
                .path
                .iter()
                .any(|part| part.to_string_lossy().starts_with("tests"))
        })
        .flat_map(|file| keys(&file.text))
        .collect()
}

fn keys(source: &str) -> BTreeSet<String> {
    let names = READS
        .iter()
        .flat_map(|read| source.split(read).skip(1))
        .filter_map(|rest| rest.split('"').next());
    // Other texts are names of tables in messages.
    let is_key = |name: &&str| {
        name.chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    names.filter(is_key).map(str::to_owned).collect()
}

/// The words in code, inline and fenced.
fn words_in_code(page: &str) -> BTreeSet<&str> {
    let code = page.split('`').skip(1).step_by(2);
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.flat_map(|code| code.split(move |letter| !is_part(letter)))
        .collect()
}

#[track_caller]
fn check_page(page: &str, folder: &str) {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let documented = words_in_code(&text);
    let keys = keys_read(folder);
    assert!(
        keys.len() > 10,
        "the keys of {folder} are read in another way now: update `READS`"
    );
    let missing: Vec<_> = keys
        .iter()
        .filter(|key| !documented.contains(key.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{page} does not have the keys {missing:?}"
    );
}

#[test]
fn each_key_of_the_settings_is_documented() {
    check_page("docs/settings.md", "runtime/src/settings");
}

#[test]
fn each_key_of_the_manifest_is_documented() {
    check_page("docs/manifest.md", "runtime/src/manifest");
}

#[test]
fn keys_are_found_where_they_are_read() {
    let source = "table.parsed(\"memory\", size); count(&table, \"queue\", 0); other(\"word\")";
    assert_eq!(
        keys(source),
        BTreeSet::from(["memory".into(), "queue".into()])
    );
    assert!(
        words_in_code("a `b = 1` c\n```toml\nd = 2\n```\n")
            .is_superset(&BTreeSet::from(["b", "d"]))
    );
}
