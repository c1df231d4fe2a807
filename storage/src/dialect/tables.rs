//! Tables as a schema knows them, read from `CREATE`, `ALTER` and `DROP`.
//! Printing these statements is left to [`super::definitions`].

use sqlite3_parser::ast::{
    AlterTableBody, ColFlags, ColumnConstraint, ColumnDefinition, CreateTableBody, Expr,
    ForeignKeyClause, Name, NamedTableConstraint, RefAct, RefArg, SortedColumn, Stmt, TabFlags,
    TableConstraint,
};

use super::comparisons::collation_named;
use super::kind::{Affinity, Collation, Kind, Type};
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::schema::{Column, Key, Reference, Schema, Table};
use super::translator::{Translator, checked_name};

/// The schema after a statement.
pub(super) fn applied(schema: &Schema, text: &str, statement: &Stmt<'_>) -> Outcome<Schema> {
    let mut after = schema.clone();
    match statement {
        Stmt::CreateTable {
            if_not_exists,
            tbl_name,
            body,
            ..
        } => {
            let name = names::folded(&tbl_name.name);
            if !(*if_not_exists && schema.tables.contains_key(&name)) {
                let table = table_of(&name, body)?;
                after.tables.insert(name, table);
            }
        }
        Stmt::CreateIndex {
            unique,
            idx_name,
            tbl_name,
            columns,
            where_clause,
            ..
        } => {
            let (index, table) = (names::folded(&idx_name.name), names::folded(tbl_name));
            let key = Index {
                name: &index,
                columns,
                is_partial: where_clause.is_some(),
            };
            add_index(&mut after, &key, &table, *unique);
        }
        Stmt::CreateView {
            view_name,
            columns,
            select,
            ..
        } => {
            let name = names::folded(&view_name.name);
            let mut translator = Translator::new(text, schema, &[]);
            let fields = translator.view_fields(*columns, select)?;
            after.tables.insert(name.clone(), view_of(name, fields));
        }
        other => changed(&mut after, other)?,
    }
    Ok(after)
}

fn changed(after: &mut Schema, statement: &Stmt<'_>) -> Outcome<()> {
    match statement {
        Stmt::CreateTrigger {
            trigger_name,
            tbl_name,
            ..
        } => {
            let table = names::folded(&tbl_name.name);
            after
                .triggers
                .insert(names::folded(&trigger_name.name), table);
        }
        Stmt::DropTable { tbl_name: name, .. }
        | Stmt::DropView {
            view_name: name, ..
        } => {
            let name = names::folded(&name.name);
            after.tables.remove(&name);
            after.indexes.retain(|_, table| *table != name);
            after.triggers.retain(|_, table| *table != name);
        }
        Stmt::DropIndex { idx_name, .. } => drop_index(after, &names::folded(&idx_name.name)),
        Stmt::DropTrigger { trigger_name, .. } => {
            after.triggers.remove(&names::folded(&trigger_name.name));
        }
        Stmt::AlterTable(name, body) => alter(after, &names::folded(&name.name), body)?,
        _ => {}
    }
    Ok(())
}

fn drop_index(schema: &mut Schema, index: &str) {
    if let Some(table) = schema.indexes.remove(index)
        && let Some(table) = schema.tables.get_mut(&table)
    {
        table.keys.retain(|key| key.name.as_deref() != Some(index));
    }
}

fn view_of(name: String, fields: Vec<super::scope::Field>) -> Table {
    let columns = fields.into_iter().map(|field| Column {
        name: field.name,
        shown: field.shown,
        ty: field.ty,
        affinity: field.affinity,
        not_null: !field.nullable,
        collation: field.collation,
        is_generated: true,
        is_integer: false,
    });
    Table {
        name,
        columns: columns.collect(),
        keys: Vec::new(),
        rowid: None,
        references: Vec::new(),
        is_view: true,
    }
}

/// A table as `CREATE TABLE` describes it.
pub(super) fn table_of(name: &str, body: &CreateTableBody<'_>) -> Outcome<Table> {
    let CreateTableBody::ColumnsAndConstraints {
        columns,
        constraints,
        flags,
    } = body
    else {
        return Err(Fault::refused(
            "CREATE TABLE … AS has columns without constraints",
            "CREATE TABLE with columns, and INSERT … SELECT",
        ));
    };
    let mut table = Table {
        name: checked_name(name)?.to_owned(),
        columns: Vec::new(),
        keys: Vec::new(),
        rowid: None,
        references: Vec::new(),
        is_view: false,
    };
    for definition in columns {
        add_column(&mut table, definition).at(definition)?;
    }
    for constraint in constraints.unwrap_or(&[]) {
        add_constraint(&mut table, constraint)?;
    }
    if flags.contains(TabFlags::WithoutRowid) {
        table.rowid = None;
    }
    if let Some(key) = table.keys.iter().find(|key| key.is_primary) {
        for at in key.columns.clone() {
            table.columns[at].not_null = true;
        }
    }
    Ok(table)
}

pub(super) fn add_column(table: &mut Table, definition: &ColumnDefinition<'_>) -> Outcome<()> {
    let at = table.columns.len();
    let words = definition.col_type.as_ref().map_or("", |name| name.name);
    let name = names::folded(&definition.col_name);
    let kind = column_kind(words)?;
    let mut column = Column {
        name: checked_name(&name)?.to_owned(),
        shown: names::unquoted(definition.col_name.0).into_owned(),
        ty: Type::Of(kind),
        affinity: Affinity::of_type(words),
        not_null: false,
        collation: Collation::Binary,
        is_generated: definition.flags.intersects(ColFlags::GENERATED),
        is_integer: words.eq_ignore_ascii_case("INTEGER"),
    };
    for constraint in definition.constraints {
        match &constraint.constraint {
            ColumnConstraint::PrimaryKey { order, .. } => {
                // SQLite keeps an old mistake: a descending one is no rowid.
                if column.is_integer && *order != Some(sqlite3_parser::ast::SortOrder::Desc) {
                    table.rowid = Some(at);
                }
                column.not_null = true;
                table.keys.push(key(vec![at], true));
            }
            ColumnConstraint::NotNull { nullable, .. } => column.not_null |= !nullable,
            ColumnConstraint::Unique(_) => table.keys.push(key(vec![at], false)),
            ColumnConstraint::Collate { collation_name } => {
                column.collation = collation_named(&names::unquoted(collation_name.0))?;
            }
            ColumnConstraint::ForeignKey { clause, .. } => {
                table.references.push(reference(clause));
            }
            _ => {}
        }
    }
    table.columns.push(column);
    Ok(())
}

/// The kind that a column of Postgres has for the words of its type.
fn column_kind(words: &str) -> Outcome<Kind> {
    let upper = words.to_ascii_uppercase();
    match Affinity::of_type(words) {
        Affinity::Integer => Ok(Kind::Integer),
        Affinity::Real => Ok(Kind::Real),
        Affinity::Text => Ok(Kind::Text),
        Affinity::Blob if upper.contains("BLOB") => Ok(Kind::Blob),
        Affinity::Blob | Affinity::None => Err(Fault::refused(
            "a column without a type holds values of any kind",
            "INTEGER, REAL, TEXT or BLOB",
        )),
        Affinity::Numeric if upper.starts_with("BOOL") => Ok(Kind::Integer),
        Affinity::Numeric if upper == "ANY" => Err(Fault::refused(
            "a column of type ANY holds values of any kind",
            "INTEGER, REAL, TEXT or BLOB",
        )),
        Affinity::Numeric if upper.starts_with("DATE") || upper.starts_with("TIME") => {
            Err(Fault::refused(
                format!("SQLite keeps text or numbers in a column of type {words}"),
                "TEXT for times as text, or INTEGER for seconds",
            ))
        }
        Affinity::Numeric => Err(Fault::refused(
            format!("SQLite keeps integers, reals and text in a column of type {words}"),
            "INTEGER, REAL or TEXT",
        )),
    }
}

fn key(columns: Vec<usize>, is_primary: bool) -> Key {
    Key {
        name: None,
        columns,
        is_primary,
        is_plain: true,
    }
}

fn reference(clause: &ForeignKeyClause<'_>) -> Reference {
    let is_effect = |act: &RefAct| !matches!(act, RefAct::NoAction | RefAct::Restrict);
    Reference {
        parent: names::folded(&clause.tbl_name),
        has_effect: clause
            .args
            .iter()
            .any(|argument| matches!(argument, RefArg::OnDelete(act) if is_effect(act))),
    }
}

fn add_constraint(table: &mut Table, constraint: &NamedTableConstraint<'_>) -> Outcome<()> {
    match &constraint.constraint {
        TableConstraint::PrimaryKey { columns, .. } => {
            let positions = positions(table, columns)?;
            if let [at] = positions[..]
                && table.columns[at].is_integer
            {
                table.rowid = Some(at);
            }
            table.keys.push(key(positions, true));
        }
        TableConstraint::Unique { columns, .. } => {
            let positions = positions(table, columns)?;
            table.keys.push(key(positions, false));
        }
        TableConstraint::ForeignKey { clause, .. } => table.references.push(reference(clause)),
        TableConstraint::Check(..) => {}
    }
    Ok(())
}

fn positions(table: &Table, columns: &[SortedColumn<'_>]) -> Outcome<Vec<usize>> {
    let position = |column: &SortedColumn<'_>| {
        let name = column_name(&column.expr).ok_or_else(|| {
            Fault::wrong("expressions prohibited in PRIMARY KEY and UNIQUE constraints")
        })?;
        let position = table.position(&name);
        position.ok_or_else(|| Fault::unknown(format!("no such column: {name}")))
    };
    columns.iter().map(position).collect()
}

/// The name of a column, if the expression is one.
pub(super) fn column_name(expression: &Expr<'_>) -> Option<String> {
    match expression {
        Expr::Id(id) => Some(names::fold(id.0)),
        Expr::Name(Name(name)) => Some(names::fold(name)),
        _ => None,
    }
}

/// A `CREATE INDEX`.
struct Index<'e> {
    name: &'e str,
    columns: &'e [SortedColumn<'e>],
    is_partial: bool,
}

fn add_index(schema: &mut Schema, index: &Index<'_>, table: &str, is_unique: bool) {
    schema
        .indexes
        .insert(index.name.to_owned(), table.to_owned());
    let Some(table) = schema.tables.get_mut(table).filter(|_| is_unique) else {
        return;
    };
    let position = |column: &SortedColumn<'_>| table.position(&column_name(&column.expr)?);
    let positions: Option<Vec<usize>> = index.columns.iter().map(position).collect();
    table.keys.push(Key {
        name: Some(index.name.to_owned()),
        is_plain: positions.is_some() && !index.is_partial,
        columns: positions.unwrap_or_default(),
        is_primary: false,
    });
}

fn alter(schema: &mut Schema, name: &str, body: &AlterTableBody<'_>) -> Outcome<()> {
    let Some(mut table) = schema.tables.remove(name) else {
        return Err(Fault::unknown(format!("no such table: {name}")));
    };
    match body {
        AlterTableBody::RenameTo(new) => {
            table.name = names::folded(new);
            rename_table(schema, name, &table.name);
        }
        AlterTableBody::AddColumn(definition) => add_column(&mut table, definition)?,
        AlterTableBody::RenameColumn { old, new } => {
            let old = names::folded(old);
            let at = table.position(&old);
            let at = at.ok_or_else(|| Fault::unknown(format!("no such column: {old}")))?;
            table.columns[at].name = names::folded(new);
            table.columns[at].shown = names::unquoted(new.0).into_owned();
        }
        AlterTableBody::DropColumn(column) => drop_column(&mut table, &names::folded(column))?,
        _ => {}
    }
    schema.tables.insert(table.name.clone(), table);
    Ok(())
}

fn rename_table(schema: &mut Schema, old: &str, new: &str) {
    let owners = schema
        .indexes
        .values_mut()
        .chain(schema.triggers.values_mut());
    for owner in owners.filter(|owner| *owner == old) {
        new.clone_into(owner);
    }
    let references = schema
        .tables
        .values_mut()
        .flat_map(|table| &mut table.references);
    for reference in references.filter(|reference| reference.parent == old) {
        new.clone_into(&mut reference.parent);
    }
}

fn drop_column(table: &mut Table, name: &str) -> Outcome<()> {
    let at = table.position(name);
    let at = at.ok_or_else(|| Fault::unknown(format!("no such column: {name}")))?;
    table.columns.remove(at);
    table.keys.retain(|key| !key.columns.contains(&at));
    for column in table.keys.iter_mut().flat_map(|key| &mut key.columns) {
        *column -= usize::from(*column > at);
    }
    table.rowid = table.rowid.map(|rowid| rowid - usize::from(rowid > at));
    Ok(())
}
