//! Finds the statements of migrations that the version of an app before them could not live with.

use std::collections::BTreeSet;

use sqlite3_parser::ast::{AlterTableBody, Cmd, ColumnConstraint, ColumnDefinition, Name, Stmt};
use sqlite3_parser::lexer::sql::Parser;
use sqlite3_parser::{Bump, FallibleIterator};

use super::Migration;

/// A statement after which the version before may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaking {
    /// The name of the file.
    pub migration: String,
    /// The line of the statement, from 1.
    pub line: usize,
    /// What it does.
    pub what: String,
}

/// The statements of these migrations after which the version before may fail: it removes or renames what that version reads, or has
/// rules that its writes do not know. Tables that the same migrations make are nobody's yet.
///
/// Changes of rows are not judged, and neither is a statement that the parser does not read: the database refuses it.
#[must_use]
pub fn breaking<'m>(migrations: impl IntoIterator<Item = &'m Migration>) -> Vec<Breaking> {
    let mut made = BTreeSet::new();
    let mut found = Vec::new();
    for migration in migrations {
        for range in migration.statements() {
            let arena = Bump::new();
            let text = &migration.text[range.clone()];
            let parsed = Parser::new(&arena, text.as_bytes()).next();
            let Ok(Some(Cmd::Stmt(statement))) = parsed else {
                continue;
            };
            if let Some(what) = judge(&statement, &mut made) {
                found.push(Breaking {
                    migration: migration.name.clone(),
                    line: migration.line(range.start),
                    what,
                });
            }
        }
    }
    found
}

/// What breaks the version before. Notes in `made` which tables there were not before.
fn judge(statement: &Stmt<'_>, made: &mut BTreeSet<String>) -> Option<String> {
    match statement {
        Stmt::CreateTable {
            if_not_exists: false,
            tbl_name,
            ..
        } => {
            made.insert(folded(&tbl_name.name));
            None
        }
        Stmt::DropTable { tbl_name, .. } => {
            let name = folded(&tbl_name.name);
            (!made.remove(&name)).then(|| format!("drops the table `{name}`"))
        }
        Stmt::DropView { view_name, .. } => {
            Some(format!("drops the view `{}`", folded(&view_name.name)))
        }
        Stmt::CreateIndex {
            unique: true,
            tbl_name,
            ..
        } => {
            let name = folded(tbl_name);
            let what = || {
                format!(
                    "makes a unique index on `{name}`, which refuses rows that were allowed before"
                )
            };
            (!made.contains(&name)).then(what)
        }
        Stmt::AlterTable(table, body) => {
            let name = folded(&table.name);
            let is_new = made.contains(&name);
            if let AlterTableBody::RenameTo(new) = body
                && is_new
            {
                made.remove(&name);
                made.insert(folded(new));
            }
            altered(&name, body).filter(|_| !is_new)
        }
        _ => None,
    }
}

fn altered(table: &str, body: &AlterTableBody<'_>) -> Option<String> {
    match body {
        AlterTableBody::RenameTo(_) => Some(format!("renames the table `{table}`")),
        AlterTableBody::RenameColumn { old, .. } => {
            Some(format!("renames the column `{}` of `{table}`", folded(old)))
        }
        AlterTableBody::DropColumn(column) => Some(format!(
            "drops the column `{}` of `{table}`",
            folded(column)
        )),
        AlterTableBody::AddColumn(column) if is_demanded(column) => Some(format!(
            "adds the column `{}` to `{table}`, which has to have a value and has no default",
            folded(&column.col_name)
        )),
        _ => None,
    }
}

/// Whether an insert that does not know the column fails.
fn is_demanded(column: &ColumnDefinition<'_>) -> bool {
    let rules = column.constraints.iter();
    let (mut not_null, mut has_default) = (false, false);
    for rule in rules {
        match &rule.constraint {
            ColumnConstraint::NotNull { nullable, .. } => not_null |= !nullable,
            ColumnConstraint::Default(_) => has_default = true,
            _ => {}
        }
    }
    not_null && !has_default
}

/// A name without its quotes, in lower case as both engines compare it.
fn folded(name: &Name<'_>) -> String {
    let quotes = ['"', '`', '[', ']', '\''];
    name.0.trim_matches(quotes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let migration = Migration {
            number: 2,
            name: "0002_more.sql".to_owned(),
            text: text.to_owned(),
        };
        breaking([&migration])
            .into_iter()
            .map(|of| of.what)
            .collect()
    }

    #[test]
    fn what_only_adds_breaks_nothing() {
        let text = "CREATE TABLE notes (id INTEGER PRIMARY KEY);
            CREATE UNIQUE INDEX by_id ON notes (id);
            CREATE INDEX by_name ON users (name);
            ALTER TABLE users ADD COLUMN age INTEGER;
            ALTER TABLE users ADD COLUMN state TEXT NOT NULL DEFAULT 'new';
            DROP INDEX old;
            INSERT INTO notes VALUES (1);
            ALTER TABLE notes RENAME TO memos;
            DROP TABLE memos;";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn what_is_removed_renamed_or_demanded_breaks_the_version_before() {
        for (text, part) in [
            ("DROP TABLE \"Users\"", "table `users`"),
            (
                "CREATE TABLE IF NOT EXISTS users (a); ALTER TABLE users DROP COLUMN a",
                "drops the column `a`",
            ),
            ("DROP VIEW totals", "view `totals`"),
            ("ALTER TABLE users RENAME TO people", "renames the table"),
            (
                "ALTER TABLE users RENAME COLUMN a TO b",
                "renames the column `a`",
            ),
            ("ALTER TABLE users DROP COLUMN a", "drops the column `a`"),
            (
                "ALTER TABLE users ADD COLUMN a TEXT NOT NULL",
                "has no default",
            ),
            ("CREATE UNIQUE INDEX u ON users (name)", "unique index"),
        ] {
            let found = found(&format!("-- a note\n{text};"));
            assert!(
                found.len() == 1 && found[0].contains(part),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn breaking_statement_is_named_by_file_and_line() {
        let migration = Migration {
            number: 7,
            name: "0007_less.sql".to_owned(),
            text: "CREATE TABLE a (b);\n\nDROP TABLE c;\n".to_owned(),
        };
        let found = breaking([&migration]);
        assert_eq!(
            (found[0].migration.as_str(), found[0].line),
            ("0007_less.sql", 3)
        );
    }
}
