//! What `terrace sql advise` shows of the queries of a server: the findings, then the queries that take most time.

use std::fmt;

use serde::Serialize;

use crate::advice::{DatabaseReport, FindingReport, Report, ShapeReport};

/// How many queries are shown to people.
const SHOWN_QUERIES: usize = 10;

/// How much of a query is shown to people, in letters.
const SHOWN_LETTERS: usize = 100;

/// The report as it is shown.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Shown(pub(crate) Report);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        if report.databases.is_empty() {
            return formatter.write_str("the server has no database");
        }
        let mut separator = "";
        for database in &report.databases {
            formatter.write_str(separator)?;
            show_database(formatter, database)?;
            separator = "\n\n";
        }
        Ok(())
    }
}

fn show_database(formatter: &mut fmt::Formatter<'_>, database: &DatabaseReport) -> fmt::Result {
    let calls: u64 = database.shapes.iter().map(|shape| shape.calls).sum();
    let label = &database.label;
    let queries = counted(database.shapes.len(), "query", "queries");
    match database.findings.len() {
        0 => write!(formatter, "{label}: no findings ({queries}, {calls} calls)")?,
        number => {
            let findings = counted(number, "finding", "findings");
            write!(formatter, "{label}: {findings} ({queries}, {calls} calls)")?;
        }
    }
    if let Some(reason) = &database.unexamined {
        write!(
            formatter,
            "\nplans and indexes were not looked at: {reason}"
        )?;
    }
    for (index, finding) in database.findings.iter().enumerate() {
        show_finding(formatter, index + 1, finding)?;
    }
    if !database.shapes.is_empty() {
        show_queries(formatter, &database.shapes)?;
    }
    Ok(())
}

fn show_finding(
    formatter: &mut fmt::Formatter<'_>,
    number: usize,
    finding: &FindingReport,
) -> fmt::Result {
    write!(
        formatter,
        "\n\n{number}. {}: {}",
        finding.kind,
        shortened(&finding.subject)
    )?;
    if let (Some(component), Some(route)) = (&finding.component, &finding.route) {
        write!(
            formatter,
            "\n   in:   {} at {}",
            safe(component),
            safe(route)
        )?;
    }
    write!(formatter, "\n   why:  {}", safe(&finding.what))?;
    write!(formatter, "\n   mend: {}", safe(&finding.mend))?;
    write!(formatter, "\n   gain: {}", safe(&finding.gain))
}

fn show_queries(formatter: &mut fmt::Formatter<'_>, shapes: &[ShapeReport]) -> fmt::Result {
    let shown = &shapes[..shapes.len().min(SHOWN_QUERIES)];
    let head = format!(
        "{:>6} {:>9} {:>10} {:>10} {:>10} {:>9}  query",
        "time", "calls", "p50", "p95", "p99", "rows"
    );
    write!(formatter, "\n\n{head}")?;
    for shape in shown {
        let (whole, part) = (shape.share_per_mille / 10, shape.share_per_mille % 10);
        write!(
            formatter,
            "\n{:>6} {:>9} {:>10} {:>10} {:>10} {:>9}  {}",
            format!("{whole}.{part}%"),
            shape.calls,
            time(shape.p50_microseconds),
            time(shape.p95_microseconds),
            time(shape.p99_microseconds),
            shape.rows,
            shortened(&shape.query)
        )?;
    }
    match shapes.len() - shown.len() {
        0 => Ok(()),
        more => write!(formatter, "\nand {more} more, which --json shows"),
    }
}

fn time(microseconds: u64) -> String {
    match microseconds {
        ..1_000 => format!("{microseconds} µs"),
        _ => format!("{}.{} ms", microseconds / 1_000, microseconds / 100 % 10),
    }
}

/// The beginning of a text, on one line.
fn shortened(text: &str) -> String {
    let text = safe(text);
    match text.char_indices().nth(SHOWN_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The text without control characters: names in a query may drive the terminal.
fn safe(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn counted(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(findings: Vec<FindingReport>) -> Shown {
        let shape = serde_json::json!({
            "query": "SELECT name FROM users WHERE email = ?", "calls": 40, "errors": 0, "rows": 40,
            "largest_result": 1, "result_bytes": 400, "microseconds": 80_000, "share_per_mille": 995, "p50_microseconds": 999,
            "p95_microseconds": 2_050, "p99_microseconds": 2_560, "waited_microseconds": 0,
            "most_in_a_request": 1, "plan": ["SCAN users"],
        });
        Shown(Report {
            databases: vec![DatabaseReport {
                label: "default".to_owned(),
                seconds: 60,
                forgotten_shapes: 0,
                findings,
                unexamined: None,
                transactions: Vec::new(),
                shapes: vec![serde_json::from_value(shape).unwrap()],
            }],
        })
    }

    #[test]
    fn findings_come_first_and_queries_after_them() {
        let finding = FindingReport {
            kind: "missing-index".to_owned(),
            subject: "SELECT name FROM users WHERE email = ?".to_owned(),
            component: Some("shop".to_owned()),
            route: Some("/login".to_owned()),
            what: "reads 2000 rows".to_owned(),
            evidence: [("calls".to_owned(), 40)].into(),
            gain: "much".to_owned(),
            mend_kind: "statement".to_owned(),
            mend: "CREATE INDEX users_by_email ON users (email)".to_owned(),
        };
        let expected = "\
default: 1 finding (1 query, 40 calls)

1. missing-index: SELECT name FROM users WHERE email = ?
   in:   shop at /login
   why:  reads 2000 rows
   mend: CREATE INDEX users_by_email ON users (email)
   gain: much

  time     calls        p50        p95        p99      rows  query
 99.5%        40     999 µs     2.0 ms     2.5 ms        40  SELECT name FROM users WHERE email = ?";
        assert_eq!(database(vec![finding]).to_string(), expected);
    }

    #[test]
    fn silence_is_said() {
        let text = database(Vec::new()).to_string();
        assert!(
            text.starts_with("default: no findings (1 query, 40 calls)"),
            "{text}"
        );
    }
}
