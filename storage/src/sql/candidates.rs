//! Indexes that may serve a statement, guessed from how it uses the columns of its tables. Trying them is left to the
//! engines.

use std::collections::BTreeMap;

use sqlite3_parser::dialect::TokenType;

use super::limits::MAX_TRIED_INDEXES;
use super::words::{Name, Words, quoted};

/// Functions of one value whose result depends on nothing else, so that an index may hold it.
const INDEXABLE_FUNCTIONS: [&str; 5] = ["lower", "upper", "trim", "length", "abs"];

/// The columns of each table, by its name. All are spelled as they were declared.
pub(crate) type Columns = BTreeMap<String, Vec<String>>;

/// An index that may serve a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) table: String,
    /// Its columns, or expressions of them, as SQL.
    pub(crate) parts: Vec<String>,
}

impl Candidate {
    /// Whether one of its parts is not just a column.
    pub(crate) fn has_expression(&self) -> bool {
        self.parts.iter().any(|part| part.contains(['(', '>']))
    }

    /// The statement that makes it.
    pub(crate) fn statement(&self) -> String {
        let Self { table, parts } = self;
        let words = parts.iter().map(|part| {
            let letters = part.chars().map(|letter| match letter {
                letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
                _ => '_',
            });
            let letters: String = letters.collect();
            letters.trim_matches('_').to_owned()
        });
        let words: Vec<_> = words.collect();
        let name = quoted(&format!("{}_by_{}", table, words.join("_and_")));
        format!(
            "CREATE INDEX {name} ON {} ({})",
            quoted(table),
            parts.join(", ")
        )
    }
}

/// The candidates for a statement, some for each table that it names.
pub(crate) fn candidates(words: &Words<'_>, columns: &Columns) -> Vec<Candidate> {
    let is_table = |name: &str| {
        let known = columns
            .keys()
            .find(|known| known.eq_ignore_ascii_case(name));
        known.cloned()
    };
    let tables = words.tables(is_table);
    let mut uses: BTreeMap<&str, Uses> = BTreeMap::new();
    for used in used(words) {
        for (table, column) in resolved(&used.name, &tables, columns) {
            uses.entry(table)
                .or_default()
                .add(used.usage, used.part(&column));
        }
    }
    let mut found = Vec::new();
    for (table, uses) in uses {
        for parts in uses.combined() {
            let candidate = Candidate {
                table: table.to_owned(),
                parts,
            };
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
    }
    found.truncate(MAX_TRIED_INDEXES);
    found
}

/// How a statement uses a column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Usage {
    /// It is compared for equality.
    Equal,
    /// It is compared otherwise.
    Range,
    /// Rows are ordered, or grouped, by it.
    Order,
}

/// A use of a column, or of an expression of it.
struct Used<'t> {
    name: Name<'t>,
    usage: Usage,
    /// What stands before the column and after it.
    around: (String, String),
}

impl Used<'_> {
    fn part(&self, column: &str) -> String {
        format!("{}{}{}", self.around.0, quoted(column), self.around.1)
    }
}

/// The uses of one table's columns.
#[derive(Default)]
struct Uses {
    equal: Vec<String>,
    range: Vec<String>,
    order: Vec<String>,
}

impl Uses {
    fn add(&mut self, usage: Usage, part: String) {
        let parts = match usage {
            Usage::Equal => &mut self.equal,
            Usage::Range => &mut self.range,
            Usage::Order => &mut self.order,
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }

    /// The columns of indexes, the simplest first.
    fn combined(&self) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        let mut equals: Vec<Vec<String>> =
            self.equal.iter().map(|part| vec![part.clone()]).collect();
        if self.equal.len() > 1 {
            equals.push(self.equal.clone());
        }
        all.extend(equals.iter().cloned());
        for rest in [&self.order[..], &self.range[..self.range.len().min(1)]] {
            if rest.is_empty() {
                continue;
            }
            all.push(rest.to_vec());
            for equal in &equals {
                let new = rest.iter().filter(|part| !equal.contains(part));
                all.push(equal.iter().chain(new).cloned().collect());
            }
        }
        all
    }
}

/// The tables and columns that a name may mean.
fn resolved<'c>(
    name: &Name<'_>,
    tables: &'c [(String, String)],
    columns: &Columns,
) -> Vec<(&'c str, String)> {
    let mut found = Vec::new();
    for (table, alias) in tables {
        let is_meant = name.qualifier.as_ref().is_none_or(|qualifier| {
            alias.eq_ignore_ascii_case(qualifier) || table.eq_ignore_ascii_case(qualifier)
        });
        let known = columns.get(table).filter(|_| is_meant);
        let column = known.and_then(|known| {
            known
                .iter()
                .find(|column| column.eq_ignore_ascii_case(&name.name))
        });
        if let Some(column) = column
            && !found.iter().any(|(seen, _)| seen == table)
        {
            found.push((table.as_str(), column.clone()));
        }
    }
    found
}

fn used<'t>(words: &Words<'t>) -> Vec<Used<'t>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.0.len() {
        found.extend(ordered(words, at));
        let compared = function(words, at).or_else(|| column(words, at));
        let Some((name, around, length)) = compared else {
            at += 1;
            continue;
        };
        let before = at.checked_sub(1).and_then(|before| words.kind(before));
        let usage = comparison(words.kind(at + length)).or_else(|| comparison(before));
        if let Some(usage) = usage {
            found.push(Used {
                name,
                usage,
                around,
            });
        }
        at += length;
    }
    found
}

fn comparison(kind: Option<TokenType>) -> Option<Usage> {
    match kind? {
        TokenType::TK_EQ | TokenType::TK_IN | TokenType::TK_IS => Some(Usage::Equal),
        TokenType::TK_LT
        | TokenType::TK_LE
        | TokenType::TK_GT
        | TokenType::TK_GE
        | TokenType::TK_BETWEEN
        | TokenType::TK_LIKE_KW => Some(Usage::Range),
        _ => None,
    }
}

type Part<'t> = (Name<'t>, (String, String), usize);

/// A column, or a value that is taken out of its JSON.
fn column<'t>(words: &Words<'t>, at: usize) -> Option<Part<'t>> {
    let name = words.name(at)?;
    let length = name.words;
    let path = words.0.get(at + length + 1);
    let path = path.filter(|path| path.kind == TokenType::TK_STRING);
    match (words.kind(at + length), path) {
        (Some(TokenType::TK_PTR), Some(path)) => {
            let arrow = words.0[at + length].text;
            Some((
                name,
                (String::new(), format!(" {arrow} {}", path.text)),
                length + 2,
            ))
        }
        _ => Some((name, (String::new(), String::new()), length)),
    }
}

/// A function of a column.
fn function<'t>(words: &Words<'t>, at: usize) -> Option<Part<'t>> {
    let called = words.0.get(at)?;
    let is_known = INDEXABLE_FUNCTIONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(called.text));
    if !is_known || words.kind(at + 1) != Some(TokenType::TK_LP) {
        return None;
    }
    let name = words.name(at + 2)?;
    let length = name.words + 3;
    let is_whole = words.kind(at + length - 1) == Some(TokenType::TK_RP);
    let before = format!("{}(", called.text);
    is_whole.then(|| (name, (before, ")".to_owned()), length))
}

/// The columns of `ORDER BY` or `GROUP BY` that begins at a word, up to the first one that is no column.
fn ordered<'t>(words: &Words<'t>, at: usize) -> Vec<Used<'t>> {
    let is_list = matches!(
        words.kind(at),
        Some(TokenType::TK_ORDER | TokenType::TK_GROUP)
    ) && words.kind(at + 1) == Some(TokenType::TK_BY);
    if !is_list {
        return Vec::new();
    }
    let mut listed: Vec<(Name<'t>, bool)> = Vec::new();
    let mut next = at + 2;
    while let Some(name) = words.name(next) {
        next += name.words;
        let is_down = words.kind(next) == Some(TokenType::TK_DESC);
        next += usize::from(is_down || words.kind(next) == Some(TokenType::TK_ASC));
        listed.push((name, is_down));
        if words.kind(next) != Some(TokenType::TK_COMMA) {
            break;
        }
        next += 1;
    }
    let is_mixed = listed.iter().any(|(_, is_down)| *is_down != listed[0].1);
    let used = listed.into_iter().map(|(name, is_down)| {
        // An index is read in both directions, but all of its columns in the same.
        let after = if is_mixed && is_down { " DESC" } else { "" };
        Used {
            name,
            usage: Usage::Order,
            around: (String::new(), after.to_owned()),
        }
    });
    used.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &[&str]) {
        let columns = Columns::from([
            (
                "orders".to_owned(),
                ["id", "customer_id", "state", "made_at"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            (
                "customers".to_owned(),
                ["id", "email", "Data"].map(str::to_owned).to_vec(),
            ),
        ]);
        let found = candidates(&Words::of(sql), &columns);
        let found: Vec<_> = found
            .iter()
            .map(|candidate| format!("{} {}", candidate.table, candidate.parts.join(",")))
            .collect();
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn compared_columns_are_candidates() {
        check(
            "SELECT id FROM orders WHERE customer_id = ?",
            &["orders customer_id"],
        );
        check(
            "SELECT id FROM orders WHERE ? = Customer_ID",
            &["orders customer_id"],
        );
        check("DELETE FROM orders WHERE made_at < ?", &["orders made_at"]);
        check(
            "SELECT id FROM orders WHERE state = 'open' AND customer_id IN (?, ?)",
            &[
                "orders state",
                "orders customer_id",
                "orders state,customer_id",
            ],
        );
    }

    #[test]
    fn the_order_of_rows_makes_candidates() {
        check(
            "SELECT id FROM orders ORDER BY made_at DESC LIMIT 10",
            &["orders made_at"],
        );
        check(
            "SELECT id FROM orders WHERE customer_id = ? ORDER BY made_at DESC, id LIMIT 10",
            &[
                "orders customer_id",
                "orders made_at DESC,id",
                "orders customer_id,made_at DESC,id",
            ],
        );
    }

    #[test]
    fn joins_are_resolved_by_alias_and_by_column() {
        check(
            "SELECT c.email FROM customers AS c JOIN orders o ON o.customer_id = c.id",
            &["customers id", "orders customer_id"],
        );
        check(
            "SELECT email FROM customers, orders WHERE customer_id = customers.id",
            &["customers id", "orders customer_id"],
        );
    }

    #[test]
    fn expressions_of_columns_are_candidates() {
        check(
            "SELECT id FROM customers WHERE lower(email) = ?",
            &["customers lower(email)"],
        );
        check(
            "SELECT id FROM customers WHERE data ->> '$.city' = ?",
            &["customers \"Data\" ->> '$.city'"],
        );
    }

    #[test]
    fn an_index_has_a_name_of_its_table_and_columns() {
        let candidate = Candidate {
            table: "customers".to_owned(),
            parts: vec!["lower(email)".to_owned(), "id".to_owned()],
        };
        let expected =
            "CREATE INDEX customers_by_lower_email_and_id ON customers (lower(email), id)";
        assert_eq!(candidate.statement(), expected);
    }
}
