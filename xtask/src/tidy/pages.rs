//! Each link in a page to a file or heading of the repository leads somewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{TextFile, check, root};

/// The targets of `[text](target)` outside code.
fn links(text: &str) -> Vec<&str> {
    let outside = prose(text).flat_map(|line| line.split('`').step_by(2));
    outside
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .collect()
}

/// The lines outside fenced blocks.
pub(super) fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The anchor of a heading: its words in lower case, joined by hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>()
        .trim()
        .to_lowercase()
        .replace(' ', "-")
}

fn has_heading(text: &str, name: &str) -> bool {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .into_iter()
        .any(|line| anchor(line.trim_start_matches('#')) == name)
}

/// Why a link leads nowhere, if it does.
fn broken(page: &TextFile, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let file = if path.is_empty() {
        page.path.clone()
    } else {
        beside(&page.path, path)
    };
    let file = root().join(file);
    if !file.exists() {
        return Some(format!("link to {link}: there is no such file"));
    }
    let is_there = heading.is_empty()
        || fs::read_to_string(file).is_ok_and(|text| has_heading(&text, heading));
    (!is_there).then(|| format!("link to {link}: there is no such heading"))
}

fn beside(page: &Path, path: &str) -> PathBuf {
    page.parent()
        .map_or_else(|| path.into(), |folder| folder.join(path))
}

#[test]
fn links_of_pages_lead_somewhere() {
    check(|file| {
        if !file.has_extension(&["md"]) {
            return Vec::new();
        }
        links(&file.text)
            .into_iter()
            .filter_map(|link| broken(file, link))
            .collect()
    });
}

#[test]
fn links_in_code_are_not_links() {
    assert_eq!(
        links("[a](b) and `[c](d)`\n```\n[e](f)\n```\n[g](h#i)"),
        ["b", "h#i"]
    );
}

#[test]
fn headings_are_linked_by_their_words() {
    assert!(has_heading(
        "# A\n## Where `spin.toml` is, and why\n",
        "where-spintoml-is-and-why"
    ));
}
