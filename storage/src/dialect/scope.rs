//! The columns that an expression can name, and which of them its statement may show.

use super::kind::{Affinity, Collation, Kind, Type};
use super::names;
use super::schema::Table;
use super::term::Term;

/// A column of a table, a view, a subquery or a common table expression, as a query sees it.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// As identifiers are compared.
    pub(super) name: String,
    /// As SQLite names it in a result.
    pub(super) shown: String,
    pub(super) ty: Type,
    pub(super) affinity: Affinity,
    pub(super) nullable: bool,
    pub(super) is_bytewise: bool,
    pub(super) collation: Collation,
    /// The column in Postgres, qualified.
    pub(super) text: String,
    /// The later one of two columns that `USING` or `NATURAL` made one.
    pub(super) is_merged: bool,
}

impl Field {
    pub(super) fn term(&self) -> Term {
        let mut term = Term::new(self.text.clone(), self.ty)
            .nullable(self.nullable)
            .bytewise(self.is_bytewise);
        term.affinity = self.affinity;
        term.collation = Some(self.collation);
        term
    }
}

/// One item of a `FROM` clause.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// By which its columns are qualified.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    /// The field that is SQLite's rowid.
    pub(super) rowid: Option<usize>,
    /// The fields that tell all others, if they are in `GROUP BY`.
    pub(super) key: Option<Vec<usize>>,
}

impl Item {
    /// A table or view of the schema under the name that a query gives it.
    pub(super) fn of_table(table: &Table, name: &str) -> Self {
        let fields = table.columns.iter().map(|column| Field {
            name: column.name.clone(),
            shown: column.shown.clone(),
            ty: column.ty,
            affinity: column.affinity,
            nullable: !column.not_null,
            is_bytewise: column.ty == Type::Of(Kind::Text),
            collation: column.collation,
            text: format!("{}.{}", names::quoted(name), names::quoted(&column.name)),
            is_merged: false,
        });
        Self {
            name: name.to_owned(),
            fields: fields.collect(),
            rowid: table.rowid,
            key: table.primary_key().map(|key| key.columns.clone()),
        }
    }

    pub(super) fn make_nullable(&mut self) {
        for field in &mut self.fields {
            field.nullable = true;
        }
    }
}

/// A column that was named outside of an aggregate function.
#[derive(Clone, Debug)]
pub(super) struct Bare {
    pub(super) text: String,
    pub(super) item: usize,
    pub(super) shown: String,
}

/// What one query, or one statement, can name.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) items: Vec<Item>,
    /// The names of the result's columns, with their terms: `WHERE`, `GROUP BY` and others may use them.
    pub(super) aliases: Vec<(String, Term)>,
    /// The columns named outside of aggregate functions so far.
    pub(super) bare: Vec<Bare>,
    /// The keys of `GROUP BY` that are no columns, by their tokens.
    pub(super) group_keys: Vec<(Vec<String>, Term)>,
    /// How many aggregate functions the expression is inside of.
    pub(super) aggregate_depth: usize,
    pub(super) has_aggregate: bool,
    /// Whether aggregate functions may be called here.
    pub(super) allows_aggregates: bool,
}

/// What a name means in one scope.
pub(super) enum Found {
    Nothing,
    Field(usize, usize),
    Alias(usize),
    Several,
}

impl Scope {
    pub(super) fn of(items: Vec<Item>) -> Self {
        Self {
            items,
            ..Self::default()
        }
    }

    /// Finds a column, with the name of its table if that was written.
    pub(super) fn find(&self, table: Option<&str>, column: &str) -> Found {
        let mut found = Found::Nothing;
        for (at, item) in self.items.iter().enumerate() {
            if table.is_some_and(|table| table != item.name) {
                continue;
            }
            let Some(field) = item.position(column, table.is_some()) else {
                continue;
            };
            if matches!(found, Found::Field(..)) {
                return Found::Several;
            }
            found = Found::Field(at, field);
        }
        if matches!(found, Found::Nothing)
            && table.is_none()
            && let Some(at) = self.aliases.iter().position(|(name, _)| name == column)
        {
            return Found::Alias(at);
        }
        found
    }
}

impl Item {
    /// The column of that name, or the one that is the rowid.
    pub(super) fn field(&self, column: &str) -> Option<&Field> {
        Some(&self.fields[self.position(column, true)?])
    }

    fn position(&self, column: &str, is_qualified: bool) -> Option<usize> {
        let named = |field: &Field| field.name == column && (is_qualified || !field.is_merged);
        let position = self.fields.iter().position(named);
        position.or_else(|| {
            let is_rowid = matches!(column, "rowid" | "oid" | "_rowid_");
            self.rowid.filter(|_| is_rowid)
        })
    }
}
