//! Makes schemas: some tables, whose columns have each kind, with defaults, checks, keys and references.

use super::dice::Dice;
use crate::dialect::Kind;

/// A table of a case.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) has_rowid: bool,
}

/// A column of a case.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) is_key: bool,
    pub(super) is_generated: bool,
}

/// The tables, and the statements that make them.
pub(super) fn tables(dice: &mut Dice<'_>) -> (Vec<Table>, Vec<String>) {
    let count = 2 + dice.below(2);
    let (mut tables, mut statements) = (Vec::new(), Vec::new());
    for number in 0..count {
        let (table, text) = table(dice, number, &tables);
        statements.push(text);
        if dice.below(2) == 1 {
            statements.push(index(dice, &table, number));
        }
        tables.push(table);
    }
    (tables, statements)
}

fn table(dice: &mut Dice<'_>, number: usize, others: &[Table]) -> (Table, String) {
    let name = format!("t{number}");
    let mut columns = vec![column("id", Kind::Integer, true)];
    let key = dice.one_of(&[
        "id INTEGER PRIMARY KEY",
        "ID integer primary key AUTOINCREMENT",
        "id INTEGER NOT NULL",
    ]);
    let mut parts = vec![key.to_owned()];
    let kinds = [
        Kind::Integer,
        Kind::Text,
        Kind::Real,
        Kind::Blob,
        Kind::Integer,
        Kind::Text,
    ];
    for (at, kind) in kinds.into_iter().enumerate().take(3 + dice.below(4)) {
        let name = format!("{}{at}", &kind.name()[..1]);
        parts.push(definition(dice, &name, kind));
        columns.push(column(&name, kind, false));
    }
    if dice.rarely(4) {
        parts.push("g INTEGER GENERATED ALWAYS AS (id * 2 + 1) STORED".to_owned());
        let mut generated = column("g", Kind::Integer, false);
        generated.is_generated = true;
        columns.push(generated);
    }
    if let (Some(parent), true) = (others.first(), dice.rarely(4))
        && !parts[0].contains("NOT NULL")
    {
        let act = dice.one_of(&["", " ON DELETE CASCADE", " ON DELETE SET NULL"]);
        parts.push(format!("up INTEGER REFERENCES {}{act}", parent.name));
        columns.push(column("up", Kind::Integer, false));
    }
    if parts[0].contains("NOT NULL") {
        parts.push("PRIMARY KEY (id)".to_owned());
    }
    let text = finished(dice, &name, &parts);
    (
        Table {
            name,
            columns,
            has_rowid: !text.contains("WITHOUT"),
        },
        text,
    )
}

/// With what stands after the columns, and only the types that a STRICT table may have.
fn finished(dice: &mut Dice<'_>, name: &str, parts: &[String]) -> String {
    let parts = parts.join(", ");
    let end = match dice.one_of(&["", " STRICT", " WITHOUT ROWID"]) {
        " WITHOUT ROWID" if parts.contains("AUTOINCREMENT") => "",
        end => end,
    };
    let text = format!("CREATE TABLE {name} ({parts}){end}");
    match end {
        " STRICT" => text.replace("VARCHAR(20)", "TEXT").replace("BIGINT", "INT"),
        _ => text,
    }
}

fn column(name: &str, kind: Kind, is_key: bool) -> Column {
    Column {
        name: name.to_owned(),
        kind,
        is_key,
        is_generated: false,
    }
}

fn definition(dice: &mut Dice<'_>, name: &str, kind: Kind) -> String {
    let (types, defaults): (&[&str], &[&str]) = match kind {
        Kind::Integer => (
            &["INTEGER", "INT", "BIGINT"],
            &["0", "-1", "(1 + 2)", "'7'"],
        ),
        Kind::Real => (&["REAL"], &["0.5", "2", "-1.25"]),
        Kind::Text => (
            &["TEXT", "VARCHAR(20)"],
            &["''", "'it''s'", "5", "(upper('x'))"],
        ),
        Kind::Blob => (&["BLOB"], &["x'00ff'", "x''"]),
    };
    let mut text = format!("{name} {}", dice.one_of(types));
    if kind == Kind::Text && dice.rarely(5) {
        text.push_str(" COLLATE NOCASE");
    }
    if dice.rarely(4) {
        text.push_str(" NOT NULL");
        text.push_str(&format!(" DEFAULT {}", dice.one_of(defaults)));
    } else if dice.rarely(4) {
        text.push_str(&format!(" DEFAULT {}", dice.one_of(defaults)));
    }
    match kind {
        Kind::Integer if dice.rarely(5) => text.push_str(&format!(" CHECK ({name} < 1000000)")),
        Kind::Text if dice.rarely(5) => text.push_str(&format!(" CHECK (length({name}) < 40)")),
        Kind::Text | Kind::Integer if dice.rarely(8) => text.push_str(" UNIQUE"),
        _ => {}
    }
    text
}

fn index(dice: &mut Dice<'_>, table: &Table, number: usize) -> String {
    let name = &table.name;
    let column = &table.columns[dice.below(table.columns.len())].name;
    let column = match dice.below(4) {
        0 => column.clone(),
        1 => format!("{column} DESC"),
        2 => format!("{column}, id"),
        _ => format!("coalesce({column}, {column})"),
    };
    let condition = dice.one_of(&["", " WHERE id > 2"]);
    format!("CREATE INDEX index_{number} ON {name} ({column}){condition}")
}
