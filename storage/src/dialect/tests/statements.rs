//! Makes statements over the tables of a case: changes of rows and of the schema. Queries are left to [`super::queries`].

use super::dice::Dice;
use super::expressions::{Maker, Name, literal};
use super::queries::{compound, grouped, joined, mixed, rows, simple, window, with};
use super::tables::Table;
use crate::dialect::Kind;
use crate::sql::Value;

/// A statement with its values. `is_ordered` says that its rows have one order only.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
    pub(super) is_ordered: bool,
}

pub(super) const KINDS: [Kind; 4] = [Kind::Integer, Kind::Text, Kind::Real, Kind::Blob];

/// Rows for a table, with ids from 1 on.
pub(super) fn filling(dice: &mut Dice<'_>, table: &Table) -> Vec<Statement> {
    let count = 3 + dice.below(6);
    (1..=count)
        .map(|id| {
            let mut maker = maker(dice, Vec::new(), &[]);
            let columns = table.columns.iter().filter(|column| !column.is_generated);
            let (mut names, mut texts) = (Vec::new(), Vec::new());
            for column in columns {
                names.push(column.name.clone());
                texts.push(match column.name.as_str() {
                    "id" => id.to_string(),
                    "up" => maker.dice.one_of(&["1", "NULL", "2"]).to_owned(),
                    _ if maker.dice.rarely(6) => "NULL".to_owned(),
                    _ => literal(&maker.value(column.kind)),
                });
            }
            let (table, names) = (&table.name, names.join(", "));
            plain(format!(
                "INSERT OR IGNORE INTO {table} ({names}) VALUES ({})",
                texts.join(", ")
            ))
        })
        .collect()
}

fn plain(text: String) -> Statement {
    Statement {
        text,
        values: Vec::new(),
        is_ordered: false,
    }
}

pub(super) fn maker<'d, 'n>(
    dice: &'d mut Dice<'n>,
    names: Vec<Name>,
    tables: &[Table],
) -> Maker<'d, 'n> {
    let sources = tables
        .iter()
        .map(|table| (table.name.clone(), format!("{}.id", table.name)));
    Maker {
        dice,
        names,
        values: Vec::new(),
        sources: sources.collect(),
    }
}

pub(super) fn names_of(table: &Table, alias: &str) -> Vec<Name> {
    let columns = table.columns.iter().map(|column| Name {
        text: format!("{alias}.{}", column.name),
        kind: column.kind,
    });
    columns.collect()
}

/// One statement.
pub(super) fn statement(dice: &mut Dice<'_>, tables: &[Table]) -> Statement {
    let table = &tables[dice.below(tables.len())];
    match dice.below(14) {
        0..=2 => simple(dice, tables, table),
        3 => joined(dice, tables, table),
        4 => grouped(dice, tables, table),
        5 => compound(dice, tables, table),
        6 => with(dice, tables, table),
        7 => window(dice, tables, table),
        8 => insert(dice, tables, table),
        9 => update(dice, tables, table),
        10 => delete(dice, tables, table),
        11 => rows(dice, tables, table),
        12 => definition(dice, table),
        _ => mixed(dice, tables, table),
    }
}

pub(super) fn finish(maker: Maker<'_, '_>, text: String, is_ordered: bool) -> Statement {
    Statement {
        text,
        values: maker.values,
        is_ordered,
    }
}

fn insert(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, Vec::new(), tables);
    let word = maker
        .dice
        .one_of(&["INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE", "REPLACE"]);
    let gives_id = !table.has_rowid || word != "INSERT" || maker.dice.below(3) > 0;
    let columns: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !column.is_generated && (gives_id || !column.is_key))
        .collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut texts = Vec::new();
    for column in &columns {
        texts.push(match column.name.as_str() {
            "id" => (1 + maker.dice.below(14)).to_string(),
            "up" => maker.dice.one_of(&["NULL", "1", "2", "99"]).to_owned(),
            _ if maker.dice.rarely(6) => "NULL".to_owned(),
            _ => maker.expression(column.kind, 1),
        });
    }
    let (name, list) = (&table.name, names.join(", "));
    let values = match maker.dice.below(5) {
        2 => format!("SELECT {} WHERE true", texts.join(", ")),
        3 if !gives_id => format!("VALUES ({0}), ({0})", texts.join(", ")),
        4 if !gives_id => {
            let texts = texts.join(", ");
            format!("SELECT {texts} FROM {name} WHERE id < 4 ORDER BY id")
        }
        _ => format!("VALUES ({})", texts.join(", ")),
    };
    let conflict = match (word, maker.dice.below(4)) {
        ("INSERT", 1) if gives_id => " ON CONFLICT DO NOTHING".to_owned(),
        ("INSERT", 2) if gives_id => {
            let column = columns[maker.dice.below(columns.len())];
            let name = &column.name;
            format!(" ON CONFLICT (id) DO UPDATE SET {name} = excluded.{name}")
        }
        _ => String::new(),
    };
    let returning = maker
        .dice
        .one_of(&["", " RETURNING *", " RETURNING id, id + 1 AS n"]);
    let text = format!("{word} INTO {name} ({list}) {values}{conflict}{returning}");
    finish(maker, text, false)
}

fn update(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let changeable: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !column.is_key && !column.is_generated && column.name != "up")
        .collect();
    let column = changeable[dice.below(changeable.len())];
    let mut maker = maker(dice, names_of(table, &table.name), tables);
    let value = maker.expression(column.kind, 2);
    let condition = maker.condition(2);
    let returning = maker.dice.one_of(&["", " RETURNING *", " RETURNING id"]);
    let (name, column) = (&table.name, &column.name);
    let text = format!("UPDATE {name} SET {column} = {value} WHERE {condition}{returning}");
    finish(maker, text, false)
}

fn delete(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, &table.name), tables);
    let condition = maker.condition(1);
    let name = &table.name;
    let text = format!("DELETE FROM {name} WHERE {condition} AND id % 3 = 0 RETURNING id");
    finish(maker, text, false)
}

/// Changes of the schema that leave the columns as the case knows them, and statements of transactions.
fn definition(dice: &mut Dice<'_>, table: &Table) -> Statement {
    let name = &table.name;
    let column = &table.columns[dice.below(table.columns.len())].name;
    plain(match dice.below(9) {
        0 => format!("CREATE INDEX IF NOT EXISTS more ON {name} ({column} DESC, id)"),
        1 => "DROP INDEX IF EXISTS more".to_owned(),
        2 => format!("ALTER TABLE {name} RENAME COLUMN {column} TO {column}"),
        3 => format!(
            "CREATE VIEW IF NOT EXISTS v AS SELECT id, {column} AS c, id / 2.0 AS half FROM {name}"
        ),
        4 => "SELECT * FROM v".to_owned(),
        5 => "DROP VIEW IF EXISTS v".to_owned(),
        6 => {
            format!("CREATE UNIQUE INDEX IF NOT EXISTS other ON {name} (id, {column}) WHERE id > 1")
        }
        7 => "SELECT last_insert_rowid(), changes() >= 0".to_owned(),
        _ => "SELECT count(*), max(id) FROM v WHERE half > 1".to_owned(),
    })
}
