//! Runs files of SQLite's sqllogictest on Postgres, through the dialect: `cargo xtask sql-logic FOLDER`.
//!
//! Files are read by [`script`], results written as SQLite's own runner writes them by [`shown`]. A SQLite beside Postgres
//! runs the same statements, except those that were refused. It says whether a result that is not the file's follows from
//! a refusal before it.

mod judge;
mod script;
mod shown;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::engines::Engines;
use judge::{Judge, Verdict};

/// The folder of the files.
const FOLDER_VARIABLE: &str = "TERRACE_SQL_LOGIC";

/// Differences of one file that are shown.
const SHOWN_DIFFERENCES: usize = 5;

/// Reasons of refusals that are shown.
const SHOWN_REASONS: usize = 20;

/// What came of the statements and queries of a file.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    same: usize,
    refused: usize,
    skipped: usize,
    different: usize,
    reasons: BTreeMap<String, usize>,
}

#[test]
#[ignore = "needs a folder of files: cargo xtask sql-logic FOLDER"]
fn files_of_the_folder_give_what_they_say() {
    let folder = std::env::var_os(FOLDER_VARIABLE).expect("TERRACE_SQL_LOGIC has the folder");
    let mut files = Vec::new();
    find(Path::new(&folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no .test file in {folder:?}");
    let mut engines = Engines::start();
    let mut total = Tally::default();
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap_or(file);
        let tally = run(&mut engines, file);
        println!("{}: {}", name.display(), tally.line());
        total.add(tally);
    }
    let mut reasons: Vec<_> = total.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(SHOWN_REASONS) {
        println!("{count:8} refused: {reason}");
    }
    println!("{} files: {}", files.len(), total.line());
    assert_eq!(total.different, 0, "statements and queries differed");
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "test")
        {
            files.push(path);
        }
    }
}

fn run(engines: &mut Engines, file: &Path) -> Tally {
    let mut tally = Tally::default();
    let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
    let script = match script::read(&text) {
        Ok(script) => script,
        Err(error) => {
            println!("{}: {error}", file.display());
            tally.different = 1;
            return tally;
        }
    };
    tally.skipped = script.skipped;
    let mut judge = Judge::new(engines);
    for step in &script.steps {
        match judge.verdict(step) {
            Verdict::Same => tally.same += 1,
            Verdict::Refused(reason) => {
                tally.refused += 1;
                *tally.reasons.entry(reason).or_default() += 1;
            }
            Verdict::Different(difference) => {
                tally.different += 1;
                if tally.different <= SHOWN_DIFFERENCES {
                    println!("{}:{}: {difference}", file.display(), step.line);
                }
            }
        }
    }
    tally
}

impl Tally {
    fn line(&self) -> String {
        let Self {
            same,
            refused,
            skipped,
            different,
            ..
        } = self;
        format!(
            "{same} as the file says, {refused} refused by name, {different} differed ({skipped} are not for SQLite)"
        )
    }

    fn add(&mut self, other: Self) {
        self.same += other.same;
        self.refused += other.refused;
        self.skipped += other.skipped;
        self.different += other.different;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }
}

fn run_own(name: &str) -> Tally {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect/tests/sql_logic");
    run(&mut Engines::start(), &folder.join(name))
}

#[test]
fn file_that_is_right_has_no_difference() {
    let tally = run_own("right.test");
    assert_eq!((tally.different, tally.skipped), (0, 4), "{tally:?}");
    // A virtual table, and the query that needs it.
    assert_eq!(tally.refused, 2, "{tally:?}");
    assert!(tally.same > 15, "{tally:?}");
}

#[test]
fn each_wrong_expectation_is_a_difference() {
    let tally = run_own("wrong.test");
    assert_eq!((tally.same, tally.different), (1, 6), "{tally:?}");
}
