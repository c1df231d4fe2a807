//! Tests of rules that no compiler checks, over the files of the repository.

mod architecture;
mod http_cache;
mod imports;
mod keys;
mod layers;
mod limits;
mod pages;
mod problems;
mod promises;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that are built, downloaded or written at run time, by the end of their path.
const NOT_OURS: [&str; 6] = [
    ".git",
    ".terrace",
    ".wrangler",
    "functions/slugs/src/bindings.rs",
    "node_modules",
    "target",
];

/// A text file of the repository.
struct TextFile {
    /// From the root.
    path: PathBuf,
    text: String,
}

impl TextFile {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = self.path.extension().unwrap_or_default();
        extensions.iter().any(|known| extension == *known)
    }
}

/// Applies a rule to each file. The rule returns the faults of a file.
#[track_caller]
fn check(rule: impl Fn(&TextFile) -> Vec<String>) {
    let mut faults = Vec::new();
    for file in text_files(&root()) {
        let found = rule(&file).into_iter();
        faults.extend(found.map(|fault| format!("{}: {fault}", file.path.display())));
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("xtask is a folder of the root")
        .to_owned()
}

fn text_files(root: &Path) -> Vec<TextFile> {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let is_ours = !NOT_OURS.iter().any(|name| entry.path().ends_with(name));
            if is_ours && entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if is_ours && let Ok(text) = fs::read_to_string(entry.path()) {
                let path = entry.path().strip_prefix(root).unwrap().to_owned();
                files.push(TextFile { path, text });
            }
        }
    }
    files
}

/// The lines for which `is_fault` is true, each with its number.
fn lines_where(file: &TextFile, is_fault: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = file
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_fault(line));
    lines
        .map(|(index, line)| format!("line {}: {}", index + 1, line.trim()))
        .collect()
}

/// Whether a line contains a path in a user's home folder. A match inside a longer path does not count.
fn names_a_machine_path(line: &str) -> bool {
    let homes = ["home", "root", "Users", "work"].map(|folder| format!("/{folder}/"));
    let is_start = |at: usize| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-/*}".contains(before))
    };
    homes.iter().any(|home| {
        line.match_indices(home.as_str())
            .any(|(at, _)| is_start(at))
    })
}

fn is_deferred_work(line: &str) -> bool {
    [["TO", "DO"], ["FIX", "ME"]]
        .iter()
        .any(|mark| line.contains(&mark.concat()))
}

fn is_test_named_after_nothing(line: &str) -> bool {
    line.contains(&["fn te", "st_"].concat())
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    check(|file| lines_where(file, names_a_machine_path));
}

#[test]
fn no_work_is_deferred_in_a_comment() {
    check(|file| {
        if file.has_extension(&["rs", "toml", "md", "wit", "sh"]) {
            lines_where(file, is_deferred_work)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn each_source_file_begins_with_what_it_owns() {
    check(|file| {
        let is_fault = file.has_extension(&["rs"]) && !file.text.starts_with("//! ");
        is_fault
            .then(|| "does not begin with module documentation (`//! …`)".to_owned())
            .into_iter()
            .collect()
    });
}

#[test]
fn names_of_tests_are_claims() {
    check(|file| {
        if file.has_extension(&["rs"]) {
            lines_where(file, is_test_named_after_nothing)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn machine_paths_are_told_from_others() {
    let path = |folder: &str| format!("cp \"/{folder}/someone/file\" .");
    assert!(names_a_machine_path(&path("home")) && names_a_machine_path(&path("Users")));
    assert!(
        !names_a_machine_path("https://example.org/work/of/art")
            && !names_a_machine_path("src/home/page.rs")
    );
}
