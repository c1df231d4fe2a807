//! What a translation knows of a database: its tables and views, their columns, kinds and keys.
//! Reading it from statements is left to [`super::tables`].

use std::collections::BTreeMap;

use super::kind::{Affinity, Collation, Kind, Type};
use super::names;

/// The tables and views of a database, as its `CREATE` and `ALTER` statements made them.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(super) tables: BTreeMap<String, Table>,
    /// The table of each index, by the index's name.
    pub(super) indexes: BTreeMap<String, String>,
    /// The table of each trigger, by the trigger's name.
    pub(super) triggers: BTreeMap<String, String>,
}

impl Schema {
    /// A schema without tables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of the tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        let tables = self.tables.values().filter(|table| !table.is_view);
        tables.map(|table| table.name.as_str())
    }

    /// The kind of each column of a table, by name; `None` where it differs from row to row.
    #[must_use]
    pub fn columns(&self, table: &str) -> Option<Vec<(&str, Option<Kind>)>> {
        let table = self.tables.get(&table.to_ascii_lowercase())?;
        let columns = table.columns.iter();
        Some(
            columns
                .map(|column| (column.shown.as_str(), column.ty.kind()))
                .collect(),
        )
    }

    /// The tables, without views, as a statement of Postgres names them.
    pub(crate) fn printed_tables(&self) -> impl Iterator<Item = String> {
        let tables = self.tables.values().filter(|table| !table.is_view);
        tables.map(|table| names::quoted(&table.name))
    }

    /// The tables whose foreign keys refer to this one.
    pub(super) fn children<'s>(&'s self, table: &'s str) -> impl Iterator<Item = &'s Table> {
        self.tables.values().filter(move |child| {
            child
                .references
                .iter()
                .any(|reference| reference.parent == table)
        })
    }
}

/// A table or a view.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// As identifiers are compared.
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The primary key and the unique constraints and indexes.
    pub(super) keys: Vec<Key>,
    /// The column that is SQLite's rowid.
    pub(super) rowid: Option<usize>,
    pub(super) references: Vec<Reference>,
    pub(super) is_view: bool,
}

impl Table {
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    pub(super) fn primary_key(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.is_primary)
    }
}

/// A column of a table or a view.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// As identifiers are compared.
    pub(super) name: String,
    /// As it was declared.
    pub(super) shown: String,
    pub(super) ty: Type,
    pub(super) affinity: Affinity,
    pub(super) not_null: bool,
    pub(super) collation: Collation,
    pub(super) is_generated: bool,
    /// Declared as `INTEGER`, so that a primary key of it alone is the rowid.
    pub(super) is_integer: bool,
}

/// Columns whose values together are different in all rows.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<usize>,
    pub(super) is_primary: bool,
    /// Over all rows and plain columns, not a partial index or one of expressions.
    pub(super) is_plain: bool,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) parent: String,
    /// Whether deleting the parent's row changes this table.
    pub(super) has_effect: bool,
}
