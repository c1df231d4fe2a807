//! The tables of a schema as somebody needs them who copies rows: columns that hold values, and a key.
//! Reading them from statements is left to [`super::tables`].

use super::kind::{Collation, Kind};
use super::schema::{Schema, Table};

/// A table that holds rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// As identifiers are compared.
    pub(crate) name: String,
    /// Those that a statement can set, so not the generated ones.
    pub(crate) columns: Vec<DescribedColumn>,
    /// Columns that are never `NULL` and together differ in all rows, ordered by bytes. Empty if there are none.
    pub(crate) key: Vec<usize>,
    /// The column that is SQLite's rowid.
    pub(crate) rowid: Option<usize>,
    /// Columns of further unique constraints and indexes. A partial index has them too.
    pub(crate) unique: Vec<Vec<usize>>,
}

/// A column that a statement can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedColumn {
    /// As identifiers are compared.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether a key or a unique index has it.
    pub(crate) is_in_key: bool,
}

impl Schema {
    /// The tables, in the order of their names.
    pub(crate) fn described(&self) -> Vec<Described> {
        let tables = self.tables.values().filter(|table| !table.is_view);
        tables.map(described).collect()
    }
}

fn described(table: &Table) -> Described {
    let mut places = vec![None; table.columns.len()];
    let mut columns = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if column.is_generated {
            continue;
        }
        places[at] = Some(columns.len());
        let mut keys = table.keys.iter();
        columns.push(DescribedColumn {
            name: column.name.clone(),
            kind: column.ty.kind().unwrap_or(Kind::Text),
            is_in_key: keys.any(|key| key.columns.contains(&at)),
        });
    }
    let placed = |columns: &[usize]| -> Option<Vec<usize>> {
        columns.iter().map(|at| places[*at]).collect()
    };
    let key = key(table).and_then(|columns| placed(&columns));
    let key = key.unwrap_or_default();
    let unique = table.keys.iter().filter_map(|key| placed(&key.columns));
    Described {
        name: table.name.clone(),
        rowid: table.rowid.and_then(|at| places[at]),
        unique: unique
            .filter(|columns| !columns.is_empty() && *columns != key)
            .collect(),
        key,
        columns,
    }
}

/// The columns of the best key: the rowid, the primary key, or another that can have no `NULL`.
fn key(table: &Table) -> Option<Vec<usize>> {
    if let Some(rowid) = table.rowid {
        return Some(vec![rowid]);
    }
    let usable = |columns: &[usize], is_primary: bool| {
        columns.iter().all(|at| {
            let column = &table.columns[*at];
            column.collation == Collation::Binary
                && !column.is_generated
                && (is_primary || column.not_null)
        })
    };
    let keys = table.keys.iter().filter(|key| key.is_plain);
    let mut keys = keys.filter(|key| usable(&key.columns, key.is_primary));
    let primary = table.primary_key();
    let primary = primary.filter(|key| usable(&key.columns, true));
    let key = primary.or_else(|| keys.next())?;
    Some(key.columns.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(definition: &str) -> Described {
        let mut schema = Schema::new();
        schema.apply(definition).unwrap();
        schema.described().remove(0)
    }

    #[test]
    fn the_best_key_of_a_table_is_found() {
        for (definition, key) in [
            ("CREATE TABLE t (a TEXT, id INTEGER PRIMARY KEY)", vec![1]),
            (
                "CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (b, a))",
                vec![1, 0],
            ),
            ("CREATE TABLE t (a TEXT NOT NULL UNIQUE)", vec![0]),
            ("CREATE TABLE t (a TEXT UNIQUE)", vec![]),
            ("CREATE TABLE t (a TEXT)", vec![]),
        ] {
            assert_eq!(one(definition).key, key, "{definition}");
        }
    }

    #[test]
    fn generated_columns_are_left_out() {
        let table = one(
            "CREATE TABLE t (a INTEGER, g INTEGER AS (a + 1), id INTEGER PRIMARY KEY, u TEXT UNIQUE)",
        );
        let names: Vec<_> = table
            .columns
            .iter()
            .map(|column| &column.name[..])
            .collect();
        assert_eq!(names, ["a", "id", "u"]);
        assert_eq!((table.key, table.rowid), (vec![1], Some(1)));
        assert_eq!(table.unique, [vec![2]]);
    }
}
