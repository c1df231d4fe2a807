//! The proof: the same statements on SQLite and Postgres give the same rows, kinds and counts, or are refused by name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use super::dice::Dice;
use super::engines::{Engines, Outcome};
use super::expressions::literal;
use super::statements::{self, Statement};
use super::tables;

/// Cases that are run unless the environment says otherwise, always the same ones; each has some 35 statements.
const CASES: u32 = 600;

/// How many run at once: one waits for its server while the other one computes.
const PARALLEL: u64 = 2;

/// Says how many cases are run. They are others each time.
const CASES_VARIABLE: &str = "TERRACE_DIALECT_CASES";

/// Goes on after a difference, to see them all.
const SURVEY_VARIABLE: &str = "TERRACE_DIALECT_SURVEY";

/// At least this many statements are compared.
const LEAST_STATEMENTS: usize = 20_000;

/// At least this share of what SQLite runs must run on Postgres, in hundredths.
const LEAST_SHARE: usize = 95;

/// What came of all statements.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    failed: usize,
    refused: usize,
    different: usize,
    reasons: BTreeMap<String, usize>,
}

#[test]
fn both_engines_give_the_same_answers() {
    let cases = std::env::var(CASES_VARIABLE)
        .ok()
        .and_then(|cases| cases.parse().ok());
    let tallies = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..PARALLEL)
            .map(|number| scope.spawn(move || run_cases(number, cases)))
            .collect();
        runs.into_iter()
            .map(|run| run.join().unwrap())
            .collect::<Vec<_>>()
    });
    let mut tally = Tally::default();
    for (part, _) in &tallies {
        tally.add(part);
    }
    report(&tally);
    for (_, result) in tallies {
        if let Err(difference) = result {
            panic!("{difference}");
        }
    }
    if cases.is_none() {
        assert!(tally.same >= LEAST_STATEMENTS, "{tally:?}");
    }
    let share = tally.same * 100 / (tally.same + tally.refused).max(1);
    assert!(
        share >= LEAST_SHARE,
        "only {share} % of the statements run on Postgres"
    );
}

/// Runs a share of the cases on a Postgres of its own. A failure is the smallest script that shows it.
fn run_cases(number: u64, cases: Option<u32>) -> (Tally, Result<(), String>) {
    let seed = match cases {
        None => RngSeed::Fixed(number),
        Some(_) => RngSeed::Random,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    let config = Config {
        cases: cases.unwrap_or(CASES) / PARALLEL as u32,
        rng_seed: seed,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let engines = RefCell::new(Engines::start());
    let tally = RefCell::new(Tally::default());
    let numbers = vec(vec(any::<u32>(), 30..160), 12..30);
    let result = TestRunner::new(config).run(&numbers, |numbers| {
        run(&mut engines.borrow_mut(), &mut tally.borrow_mut(), &numbers)
    });
    let result = result.map_err(|error| match error {
        // The numbers that it was made of say nothing to people.
        TestError::Fail(reason, _) => reason.to_string(),
        TestError::Abort(reason) => reason.to_string(),
    });
    (tally.into_inner(), result)
}

impl Tally {
    fn add(&mut self, part: &Self) {
        self.same += part.same;
        self.failed += part.failed;
        self.refused += part.refused;
        self.different += part.different;
        for (reason, count) in &part.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

fn report(tally: &Tally) {
    let Tally {
        same,
        failed,
        refused,
        different,
        reasons,
    } = tally;
    println!(
        "{same} statements gave the same answer, {failed} failed on both, {refused} were refused by name, {different} differed"
    );
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(25) {
        println!("{count:6} {reason}");
    }
}

fn run(
    engines: &mut Engines,
    tally: &mut Tally,
    numbers: &[Vec<u32>],
) -> Result<(), TestCaseError> {
    engines.reset();
    let mut script = String::new();
    let [schema, rows, rest @ ..] = numbers else {
        return Ok(());
    };
    let (tables, definitions) = tables::tables(&mut Dice::new(schema));
    let mut dice = Dice::new(rows);
    let definitions = definitions.into_iter().map(|text| Statement {
        text,
        values: Vec::new(),
        is_ordered: false,
    });
    let mut all: Vec<Statement> = definitions.collect();
    for table in &tables {
        all.extend(statements::filling(&mut dice, table));
    }
    for numbers in rest {
        all.push(statements::statement(&mut Dice::new(numbers), &tables));
    }
    all.extend(tables.iter().map(|table| Statement {
        text: format!("SELECT * FROM {} ORDER BY id", table.name),
        values: Vec::new(),
        is_ordered: true,
    }));
    // Without case, spellings of one text have no order.
    let is_nocase = all
        .iter()
        .any(|statement| statement.text.contains("TEXT COLLATE NOCASE"));
    for statement in &mut all {
        if is_nocase || statement.text.contains("NOCASE") {
            let is_cut = statement.is_ordered && statement.text.contains(" LIMIT ");
            if is_cut {
                continue;
            }
            statement.is_ordered = false;
        }
        note(&mut script, statement);
        let outcome = engines.run(&statement.text, &statement.values, statement.is_ordered);
        count(tally, outcome, &script)?;
    }
    Ok(())
}

fn count(tally: &mut Tally, outcome: Outcome, script: &str) -> Result<(), TestCaseError> {
    match outcome {
        Outcome::Same(_) => tally.same += 1,
        Outcome::BothFailed => tally.failed += 1,
        Outcome::Refused(reason) => {
            tally.refused += 1;
            *tally.reasons.entry(general(&reason)).or_default() += 1;
        }
        Outcome::Different(difference) => {
            if std::env::var_os(SURVEY_VARIABLE).is_none() {
                return Err(TestCaseError::fail(format!("{difference}\n\n{script}")));
            }
            tally.different += 1;
            println!("DIFFERENT {difference}\n");
        }
    }
    Ok(())
}

/// The statement as a file of the corpus has it.
fn note(script: &mut String, statement: &Statement) {
    if !statement.values.is_empty() {
        let values: Vec<String> = statement.values.iter().map(literal).collect();
        let _ = writeln!(script, "-- with {}", values.join(" | "));
    }
    let _ = writeln!(script, "{};", statement.text);
}

/// A reason without its place and numbers.
fn general(reason: &str) -> String {
    let reason = reason.split_once(": ").map_or(reason, |(place, rest)| {
        if place.starts_with("line") {
            rest
        } else {
            reason
        }
    });
    reason
        .replace(|letter: char| letter.is_ascii_digit(), "#")
        .chars()
        .take(110)
        .collect()
}
