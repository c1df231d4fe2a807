//! A file as steps: what runs, and what the file says of it. Conditions are decided here, for SQLite.

use sqllogictest::{
    Condition, DefaultColumnType, QueryExpect, Record, SortMode, StatementExpect, parse,
};

/// The name of the engine whose dialect is run.
const ENGINE: &str = "sqlite";

/// The steps of a file.
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    /// How many steps are for other engines.
    pub(super) skipped: usize,
}

/// A statement or a query.
pub(super) struct Step {
    pub(super) line: u32,
    pub(super) text: String,
    pub(super) expected: Expected,
}

/// What the file says.
pub(super) enum Expected {
    Success,
    /// Success, and so many rows were changed.
    Changes(u64),
    Failure,
    Results(Results),
}

/// The result of a query.
pub(super) struct Results {
    pub(super) types: Vec<DefaultColumnType>,
    pub(super) sort: SortMode,
    /// One value in each line, or how many there are and their hash.
    pub(super) lines: Vec<String>,
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Script, String> {
    let records = parse::<DefaultColumnType>(&plain(text)).map_err(|error| error.to_string())?;
    let mut script = Script {
        steps: Vec::new(),
        skipped: 0,
    };
    // The parser gives a condition of `halt` to the statement after it, so conditions are followed here.
    let mut is_meant = true;
    for record in records {
        let step = match record {
            Record::Condition(condition) => {
                is_meant &= holds(&condition);
                continue;
            }
            Record::Comment(_) | Record::Newline | Record::HashThreshold { .. } => continue,
            Record::Halt { .. } if is_meant => break,
            Record::Halt { .. } => None,
            Record::Statement {
                loc, sql, expected, ..
            } => Some(Step {
                line: loc.line(),
                text: sql,
                expected: of_statement(&expected),
            }),
            Record::Query {
                loc, sql, expected, ..
            } => Some(Step {
                line: loc.line(),
                text: sql,
                expected: of_query(expected),
            }),
            other => return Err(format!("not of SQLite's format: {other}")),
        };
        match step {
            Some(step) if is_meant => script.steps.push(step),
            Some(_) => script.skipped += 1,
            None => {}
        }
        is_meant = true;
    }
    Ok(script)
}

/// The text without what the parser does not read: comments behind conditions, and white space at the end of lines.
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_end();
        let is_condition = line.starts_with("onlyif ") || line.starts_with("skipif ");
        match line.split_once('#') {
            Some((condition, _)) if is_condition => condition.trim_end(),
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn holds(condition: &Condition) -> bool {
    match condition {
        Condition::OnlyIf { label } => label.eq_ignore_ascii_case(ENGINE),
        Condition::SkipIf { label } => !label.eq_ignore_ascii_case(ENGINE),
    }
}

fn of_statement(expected: &StatementExpect) -> Expected {
    match expected {
        StatementExpect::Ok => Expected::Success,
        StatementExpect::Count(count) => Expected::Changes(*count),
        StatementExpect::Error(_) => Expected::Failure,
    }
}

fn of_query(expected: QueryExpect<DefaultColumnType>) -> Expected {
    match expected {
        QueryExpect::Error(_) => Expected::Failure,
        QueryExpect::Results {
            types,
            sort_mode,
            results,
            ..
        } => Expected::Results(Results {
            types,
            sort: sort_mode.unwrap_or(SortMode::NoSort),
            lines: results,
        }),
    }
}
