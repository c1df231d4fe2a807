//! `CREATE`, `ALTER` and `DROP` as Postgres reads them. The columns of tables are left to [`columns`].

mod columns;

use sqlite3_parser::ast::{
    AlterTableBody, ColumnDefinition, CreateTableBody, Expr, IndexedColumn, Name, QualifiedName,
    Select, SortedColumn, Stmt, TabFlags,
};

use super::from::table_name;
use super::kind::{Collation, Type};
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::schema::Table;
use super::scope::{Field, Item, Scope};
use super::tables;
use super::translator::{Translator, checked_name};

impl Translator<'_> {
    /// A statement that changes the schema. Texts after the first make what Postgres keeps apart from a table.
    pub(super) fn definition(&mut self, statement: &Stmt<'_>) -> Outcome<Vec<String>> {
        match statement {
            Stmt::CreateTable {
                temporary,
                if_not_exists,
                tbl_name,
                body,
            } => {
                refuse_temporary(*temporary, "table")?;
                self.create_table(*if_not_exists, tbl_name, body)
            }
            Stmt::CreateIndex {
                unique,
                if_not_exists,
                idx_name,
                tbl_name,
                columns,
                where_clause,
            } => {
                let index = Index {
                    unique: *unique,
                    if_not_exists: *if_not_exists,
                    name: table_name(idx_name)?,
                    table: names::folded(tbl_name),
                    columns,
                    condition: where_clause.as_ref(),
                };
                Ok(vec![self.create_index(&index)?])
            }
            Stmt::CreateView {
                temporary,
                if_not_exists,
                view_name,
                columns,
                select,
            } => {
                refuse_temporary(*temporary, "view")?;
                let name = table_name(view_name)?;
                if *if_not_exists && self.schema.tables.contains_key(&name) {
                    return Ok(Vec::new());
                }
                self.create_view(&name, *columns, select)
            }
            Stmt::CreateTrigger { .. } => self.create_trigger(statement),
            Stmt::AlterTable(name, body) => self.alter_table(name, body),
            other => self.drop_statement(other),
        }
    }

    fn drop_statement(&mut self, statement: &Stmt<'_>) -> Outcome<Vec<String>> {
        match statement {
            Stmt::DropTable {
                if_exists,
                tbl_name,
            } => dropped("TABLE", *if_exists, tbl_name),
            Stmt::DropIndex {
                if_exists,
                idx_name,
            } => dropped("INDEX", *if_exists, idx_name),
            Stmt::DropView {
                if_exists,
                view_name,
            } => dropped("VIEW", *if_exists, view_name),
            Stmt::DropTrigger {
                if_exists,
                trigger_name,
            } => self.drop_trigger(*if_exists, &names::folded(&trigger_name.name)),
            _ => Err(Fault::impossible(
                "this statement has no counterpart in Postgres",
            )),
        }
    }

    fn create_table(
        &mut self,
        if_not_exists: bool,
        name: &QualifiedName<'_>,
        body: &CreateTableBody<'_>,
    ) -> Outcome<Vec<String>> {
        let name = table_name(name)?;
        if if_not_exists && self.schema.tables.contains_key(&name) {
            return Ok(Vec::new());
        }
        let table = tables::table_of(&name, body)?;
        let CreateTableBody::ColumnsAndConstraints {
            columns,
            constraints,
            flags,
        } = body
        else {
            return Err(Fault::impossible("CREATE TABLE … AS"));
        };
        let scope = Scope::of(vec![Item::of_table(&table, &name)]);
        let is_strict = flags.contains(TabFlags::Strict);
        let work = |translator: &mut Self| {
            let mut parts = Vec::new();
            for (at, definition) in columns.iter().enumerate() {
                let part = translator.defined_column(&table, at, definition, is_strict);
                parts.push(part.at(definition)?);
            }
            for constraint in constraints.unwrap_or(&[]) {
                let part = translator.constraint(&table, &constraint.constraint);
                parts.extend(part.at(constraint)?);
            }
            Ok(parts)
        };
        let (parts, _) = self.within(scope, work)?;
        let mut texts = vec![format!(
            "CREATE TABLE {} ({})",
            names::quoted(&name),
            parts.join(", ")
        )];
        texts.extend(columns::nocase_keys(&table));
        Ok(texts)
    }

    fn create_index(&mut self, index: &Index<'_>) -> Outcome<String> {
        let table = self.schema.tables.get(&index.table);
        let table =
            table.ok_or_else(|| Fault::unknown(format!("no such table: {}", index.table)))?;
        let item = Item::of_table(table, &index.table);
        let work = |translator: &mut Self| {
            let mut columns = Vec::new();
            for column in index.columns {
                columns.push(translator.index_column(column, &index.table)?);
            }
            let condition = match index.condition {
                Some(condition) => format!(" WHERE {}", translator.condition(condition)?),
                None => String::new(),
            };
            Ok(format!("({}){condition}", columns.join(", ")))
        };
        let (columns, _) = self.within(Scope::of(vec![item]), work)?;
        let unique = if index.unique { "UNIQUE " } else { "" };
        let condition = if index.if_not_exists {
            "IF NOT EXISTS "
        } else {
            ""
        };
        Ok(format!(
            "CREATE {unique}INDEX {condition}{} ON {} {columns}",
            names::quoted(checked_name(&index.name)?),
            names::quoted(&index.table)
        ))
    }

    /// The order says where `NULL` is, so that an `ORDER BY` can use the index.
    fn index_column(&mut self, column: &SortedColumn<'_>, table: &str) -> Outcome<String> {
        let term = self.expression(&column.expr)?;
        let sorted = super::ordering::sorted(&term, column);
        let prefix = format!("{}.", names::quoted(table));
        if tables::column_name(&column.expr).is_none() || term.collation == Some(Collation::NoCase)
        {
            let (text, order) = sorted.split_at(term.ordered().len());
            return Ok(format!("({text}){order}"));
        }
        Ok(sorted.strip_prefix(&prefix).unwrap_or(&sorted).to_owned())
    }

    /// The columns of a view.
    pub(super) fn view_fields(
        &mut self,
        columns: Option<&[IndexedColumn<'_>]>,
        select: &Select<'_>,
    ) -> Outcome<Vec<Field>> {
        let mut query = self.select(select)?;
        name_view(columns, &mut query.fields)?;
        query.column_list();
        for field in &mut query.fields {
            if field.ty == Type::Null {
                field.ty = Type::Of(super::kind::Kind::Text);
            }
        }
        Ok(query.fields)
    }

    fn create_view(
        &mut self,
        name: &str,
        columns: Option<&[IndexedColumn<'_>]>,
        select: &Select<'_>,
    ) -> Outcome<Vec<String>> {
        let mut query = self.select(select)?;
        if !self.parameters.is_empty() {
            return Err(Fault::wrong("parameters prohibited in views"));
        }
        name_view(columns, &mut query.fields)?;
        let list = query.column_list();
        let name = names::quoted(checked_name(name)?);
        Ok(vec![format!("CREATE VIEW {name}{list} AS {}", query.text)])
    }

    fn alter_table(
        &mut self,
        name: &QualifiedName<'_>,
        body: &AlterTableBody<'_>,
    ) -> Outcome<Vec<String>> {
        let name = table_name(name)?;
        let known = self.schema.tables.get(&name);
        let table = known.ok_or_else(|| Fault::unknown(format!("no such table: {name}")))?;
        if let AlterTableBody::RenameColumn { old, new } = body {
            self.check_views(table, old, new).at(old)?;
            if names::folded(old) == names::folded(new) {
                return Ok(Vec::new());
            }
        }
        let change = match body {
            AlterTableBody::RenameTo(new) => {
                format!(
                    "RENAME TO {}",
                    names::quoted(checked_name(&names::folded(new))?)
                )
            }
            AlterTableBody::RenameColumn { old, new } => format!(
                "RENAME COLUMN {} TO {}",
                names::quoted(&names::folded(old)),
                names::quoted(checked_name(&names::folded(new))?)
            ),
            AlterTableBody::DropColumn(column) => {
                format!("DROP COLUMN {}", names::quoted(&names::folded(column)))
            }
            AlterTableBody::AddColumn(definition) => {
                format!("ADD COLUMN {}", self.added_column(table, definition)?)
            }
            _ => {
                let reason = "SQLite does not change constraints of a table";
                return Err(Fault::refused(reason, "a new table, and INSERT … SELECT"));
            }
        };
        Ok(vec![format!(
            "ALTER TABLE {} {change}",
            names::quoted(&name)
        )])
    }

    /// SQLite also renames the columns of the views that show the column.
    fn check_views(&self, table: &Table, old: &Name<'_>, new: &Name<'_>) -> Outcome<()> {
        let (old, new) = (names::folded(old), names::unquoted(new.0));
        let is_other = |at: usize| table.columns[at].shown != new;
        let mut views = self.schema.tables.values().filter(|known| known.is_view);
        let view = views.find(|view| view.position(&old).is_some());
        match view {
            Some(view) if table.position(&old).is_some_and(is_other) => Err(Fault::refused(
                format!("the view {} may show the column {old}", view.name),
                "DROP VIEW before it, and CREATE VIEW after it",
            )),
            _ => Ok(()),
        }
    }

    fn added_column(
        &mut self,
        table: &Table,
        definition: &ColumnDefinition<'_>,
    ) -> Outcome<String> {
        let mut after = table.clone();
        let at = after.columns.len();
        let keys = after.keys.len();
        tables::add_column(&mut after, definition).at(definition)?;
        if after.keys.len() > keys {
            return Err(Fault::wrong("cannot add a PRIMARY KEY or UNIQUE column"));
        }
        let scope = Scope::of(vec![Item::of_table(&after, &after.name)]);
        let (text, _) = self.within(scope, |translator| {
            translator.defined_column(&after, at, definition, false)
        })?;
        Ok(text)
    }
}

/// The clauses of `CREATE INDEX`.
struct Index<'e> {
    unique: bool,
    if_not_exists: bool,
    name: String,
    table: String,
    columns: &'e [SortedColumn<'e>],
    condition: Option<&'e Expr<'e>>,
}

pub(super) fn refuse_temporary(temporary: bool, what: &str) -> Outcome<()> {
    match temporary {
        false => Ok(()),
        true => Err(Fault::refused(
            format!("a temporary {what} belongs to a connection, and requests share connections"),
            format!("a {what} that stays"),
        )),
    }
}

fn name_view(columns: Option<&[IndexedColumn<'_>]>, fields: &mut [Field]) -> Outcome<()> {
    let Some(columns) = columns else {
        return Ok(());
    };
    if columns.len() != fields.len() {
        return Err(Fault::wrong(
            "a view's columns are not as many as its query's",
        ));
    }
    for (field, column) in fields.iter_mut().zip(columns) {
        field.name = names::folded(&column.col_name);
        field.shown = names::unquoted(column.col_name.0).into_owned();
    }
    Ok(())
}

fn dropped(what: &str, if_exists: bool, name: &QualifiedName<'_>) -> Outcome<Vec<String>> {
    let name = names::quoted(&table_name(name)?);
    let condition = if if_exists { "IF EXISTS " } else { "" };
    Ok(vec![format!("DROP {what} {condition}{name}")])
}
