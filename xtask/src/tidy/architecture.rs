//! ARCHITECTURE.md names only paths that exist, every crate and every module of the runtime.

use std::{fs, path::Path};

use super::{root, text_files};

/// The page must be shorter, so that it stays a map.
const MAX_LINES: usize = 300;

/// Folders that exist only after a build or while an app is served.
const MADE_LATER: [&str; 2] = ["target/", ".terrace/"];

/// Files that a user writes; the page means no particular one.
const USERS_FILES: [&str; 3] = ["spin.toml", "terrace.toml", "wrangler.toml"];

fn page() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The texts between backticks.
fn code_spans(text: &str) -> Vec<&str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Whether a code span is a path from the root: it ends like a file or folder of the repository and has no character that only
/// addresses, routes or interfaces have.
fn is_path(span: &str) -> bool {
    let ends_like_one = [".rs", ".toml", ".md", "/"]
        .iter()
        .any(|end| span.ends_with(end));
    let is_plain = span
        .chars()
        .all(|letter| letter.is_alphanumeric() || "._-/".contains(letter));
    let is_made_later = MADE_LATER.iter().any(|folder| span.starts_with(folder));
    let is_ours = !is_made_later && !USERS_FILES.contains(&span);
    ends_like_one && is_plain && is_ours && !span.starts_with('/')
}

/// Whether the page names a folder or one of its parents.
fn names_folder(page: &str, folder: &Path) -> bool {
    let mut places = folder.ancestors();
    places.any(|place| page.contains(&format!("`{}/`", place.display())))
}

/// The modules that a crate root declares.
fn modules(source: &str) -> Vec<&str> {
    let lines = source
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'));
    let declared = lines.filter_map(|line| line.split_once("mod "));
    declared
        .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
        .map(|(_, name)| name)
        .collect()
}

#[test]
fn every_path_on_the_page_exists() {
    let page = page();
    let gone: Vec<&str> = code_spans(&page)
        .into_iter()
        .filter(|span| is_path(span) && !root().join(span).exists())
        .collect();
    assert!(
        gone.is_empty(),
        "ARCHITECTURE.md names missing files: {gone:?}"
    );
}

#[test]
fn every_crate_is_on_the_page() {
    let page = page();
    for file in text_files(&root()) {
        let is_crate = file.path.ends_with("Cargo.toml") && file.text.contains("[package]");
        let folder = file.path.parent().unwrap();
        assert!(
            !is_crate || names_folder(&page, folder),
            "ARCHITECTURE.md does not name `{}/`",
            folder.display()
        );
    }
}

#[test]
fn every_module_of_the_runtime_is_on_the_page() {
    let (page, source) = (
        page(),
        fs::read_to_string(root().join("runtime/src/lib.rs")).unwrap(),
    );
    for module in modules(&source) {
        assert!(
            page.contains(&format!("`{module}`")),
            "ARCHITECTURE.md does not name the module `{module}`"
        );
    }
}

/// The names of a request's stages in order, read from the code.
fn stages(source: &str) -> Vec<&str> {
    let arms = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
    arms.map(|(_, name)| name.trim_end_matches("\",")).collect()
}

#[test]
fn the_way_of_a_request_names_each_stage_in_order() {
    let source = fs::read_to_string(root().join("runtime/src/observe/stage.rs")).unwrap();
    let stages = stages(&source);
    assert_eq!(stages.len(), 8, "the names of the stages are read");
    let page = page();
    let (_, way) = page.split_once("## A request's way").unwrap();
    let (way, _) = way.split_once("\n## ").unwrap();
    let on_page: Vec<&str> = way
        .lines()
        .filter_map(|line| line.split_once(". **")?.1.split("**").next())
        .collect();
    assert_eq!(
        on_page, stages,
        "left: ARCHITECTURE.md, right: the stages of the code"
    );
}

#[test]
fn page_is_short_enough_for_a_map() {
    assert!(page().lines().count() < MAX_LINES);
}

#[test]
fn paths_are_told_from_routes_and_interfaces() {
    let spans = code_spans(
        "`runtime/` `a.rs` `/hello` `wasi:http/handler@0.3.x` `target/x/` `terrace up` `spin.toml` `deny.toml`",
    );
    let paths: Vec<&str> = spans.into_iter().filter(|span| is_path(span)).collect();
    assert_eq!(paths, ["runtime/", "a.rs", "deny.toml"]);
}

#[test]
fn modules_are_read_from_a_crate_root() {
    assert_eq!(
        modules("//! mod a;\npub mod b;\nmod c;\npub(crate) mod d;\nuse x;"),
        ["b", "c", "d"]
    );
}
