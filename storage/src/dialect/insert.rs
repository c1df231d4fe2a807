//! `INSERT`: values converted to the columns they go to, and rowids that nobody gives.
//! What happens on a conflict is left to [`super::upsert`].

use sqlite3_parser::ast::{
    DistinctNames, Expr, InsertBody, OneSelect, QualifiedName, ResolveType, ResultColumn, Select,
    Upsert, With,
};

use super::convert;
use super::from::table_name;
use super::kind::{Kind, Type};
use super::names;
use super::printed::Printed;
use super::refusal::{At, Fault, Outcome};
use super::schema::Table;
use super::scope::{Field, Item, Scope};
use super::term::Term;
use super::translator::Translator;

/// The clauses of an `INSERT`.
pub(super) struct Insert<'e> {
    pub(super) with: Option<&'e With<'e>>,
    pub(super) resolve: Option<ResolveType>,
    pub(super) table: &'e QualifiedName<'e>,
    pub(super) columns: Option<&'e DistinctNames<'e>>,
    pub(super) body: &'e InsertBody<'e>,
    pub(super) returning: &'e [ResultColumn<'e>],
}

/// The table of an `INSERT`, and the columns that it gives.
pub(super) struct Target<'s> {
    pub(super) table: &'s Table,
    pub(super) alias: String,
    pub(super) columns: Vec<usize>,
}

impl Target<'_> {
    fn kind(&self, at: usize) -> Kind {
        self.table.columns[at].ty.kind().unwrap_or(Kind::Text)
    }

    fn is_rowid(&self, at: usize) -> bool {
        self.table.rowid == Some(at)
    }

    /// The sequence of the rowid, as Postgres finds it.
    fn sequence(&self) -> Option<String> {
        let column = &self.table.columns[self.table.rowid?];
        let table = names::string(&names::quoted(&self.table.name));
        let column = names::string(&column.name);
        Some(format!("pg_get_serial_sequence({table}, {column})"))
    }

    /// Whether the statement gives the rowid, so that the sequence must follow it.
    fn gives_rowid(&self) -> bool {
        self.columns.iter().any(|at| self.is_rowid(*at))
    }
}

impl<'t> Translator<'t> {
    pub(super) fn insert(&mut self, insert: &Insert<'_>) -> Outcome<Printed> {
        let with = self.with(insert.with)?;
        let target = self.target(insert)?;
        let (body, upsert) = match insert.body {
            InsertBody::DefaultValues => (" DEFAULT VALUES".to_owned(), None),
            InsertBody::Select(select, upsert) => {
                let columns: Vec<String> = target
                    .columns
                    .iter()
                    .map(|at| names::quoted(&target.table.columns[*at].name))
                    .collect();
                let skips_null = insert.resolve == Some(ResolveType::Ignore);
                let rows = self.rows(select, &target, skips_null)?;
                (format!(" ({}) {rows}", columns.join(", ")), *upsert)
            }
        };
        let conflict = self.on_conflict(insert.resolve, upsert, &target)?;
        let mut text = format!("{with}INSERT INTO {}", names::quoted(&target.table.name));
        if target.alias != target.table.name {
            text.push_str(&format!(" AS {}", names::quoted(&target.alias)));
        }
        text.push_str(&body);
        text.push_str(&conflict);
        let item = Item::of_table(target.table, &target.alias);
        let fields = self.returning(insert.returning, &target.table.name, item, &mut text)?;
        let has_rowid = rowid_text(&target, upsert, &fields, &mut text);
        Ok(Printed::write(text, fields, has_rowid))
    }

    fn target(&mut self, insert: &Insert<'_>) -> Outcome<Target<'t>> {
        let name = table_name(insert.table)?;
        let table = self.changeable(&name).at(insert.table)?;
        let alias = insert.table.alias.as_ref().map_or(name, names::folded);
        let columns = match insert.columns {
            None => {
                let columns = table.columns.iter().enumerate();
                columns
                    .filter(|(_, column)| !column.is_generated)
                    .map(|(at, _)| at)
                    .collect()
            }
            Some(columns) => {
                let mut positions = Vec::new();
                for column in columns.iter() {
                    positions.push(column_position(table, &names::folded(column)).at(column)?);
                }
                positions
            }
        };
        Ok(Target {
            table,
            alias,
            columns,
        })
    }

    /// The table of that name, which a statement may change.
    pub(super) fn changeable(&self, name: &str) -> Outcome<&'t Table> {
        let table = self.schema.tables.get(name);
        let table = table.ok_or_else(|| Fault::unknown(format!("no such table: {name}")))?;
        if table.is_view {
            return Err(Fault::refused(
                "a view is changed by a trigger",
                "the view's tables",
            ));
        }
        Ok(table)
    }

    fn rows(
        &mut self,
        select: &Select<'_>,
        target: &Target<'_>,
        skips_null: bool,
    ) -> Outcome<String> {
        let is_plain = select.with.is_none()
            && select.order_by.is_none()
            && select.limit.is_none()
            && select.body.compounds.is_none();
        match &select.body.select {
            OneSelect::Values(rows) if is_plain => {
                let rows: Outcome<Vec<Vec<String>>> =
                    rows.iter().map(|row| self.row(row, target)).collect();
                let rows = rows?;
                let needed = match skips_null {
                    true => needed_columns(&rows, target),
                    false => Vec::new(),
                };
                if !needed.is_empty() {
                    return Ok(self.rows_without_null(&rows, &needed, target));
                }
                let rows: Vec<String> = rows
                    .iter()
                    .map(|row| format!("({})", row.join(", ")))
                    .collect();
                Ok(format!("VALUES {}", rows.join(", ")))
            }
            _ => self.selected_rows(select, target),
        }
    }

    /// `OR IGNORE` also passes over rows with `NULL` where a column has none.
    fn rows_without_null(
        &mut self,
        rows: &[Vec<String>],
        needed: &[usize],
        target: &Target<'_>,
    ) -> String {
        let name = names::quoted(&self.new_name());
        let columns: Vec<String> = (0..target.columns.len())
            .map(|at| format!("c{at}"))
            .collect();
        let rows = rows.iter().map(|row| {
            let values = row.iter().zip(&target.columns).map(|(value, at)| {
                let value = match (value.as_str(), target.sequence()) {
                    ("DEFAULT", Some(sequence)) => format!("nextval({sequence})"),
                    _ => value.clone(),
                };
                format!("({value})::{}", target.kind(*at).postgres())
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        });
        let rows: Vec<String> = rows.collect();
        let conditions: Vec<String> = needed
            .iter()
            .map(|at| format!("c{at} IS NOT NULL"))
            .collect();
        format!(
            "SELECT * FROM (VALUES {}) AS {name}({}) WHERE {}",
            rows.join(", "),
            columns.join(", "),
            conditions.join(" AND ")
        )
    }

    fn row(&mut self, values: &[Expr<'_>], target: &Target<'_>) -> Outcome<Vec<String>> {
        if values.len() != target.columns.len() {
            return Err(wrong_width(target, values.len()));
        }
        let mut texts = Vec::with_capacity(values.len());
        for (value, at) in values.iter().zip(&target.columns) {
            let term = self.expression(value)?;
            let is_default =
                target.is_rowid(*at) && term.ty == Type::Null && term.parameter.is_none();
            texts.push(match is_default {
                true => "DEFAULT".to_owned(),
                false => self.stored(term, *at, target).at(value)?,
            });
        }
        Ok(texts)
    }

    /// A value as its column stores it. A rowid of `NULL` is the next one.
    fn stored(&mut self, term: Term, at: usize, target: &Target<'_>) -> Outcome<String> {
        let nullable = term.nullable;
        let text = convert::assigned(self, term, target.kind(at))?;
        match target.sequence() {
            Some(sequence) if nullable && target.is_rowid(at) => {
                Ok(format!("coalesce({text}, nextval({sequence}))"))
            }
            _ => Ok(text),
        }
    }

    fn selected_rows(&mut self, select: &Select<'_>, target: &Target<'_>) -> Outcome<String> {
        self.expected = target.columns.iter().map(|at| target.kind(*at)).collect();
        let mut query = self.select(select)?;
        if query.fields.len() != target.columns.len() {
            return Err(wrong_width(target, query.fields.len()));
        }
        let fits = |(field, at): (&Field, &usize)| {
            field.ty == Type::Of(target.kind(*at)) && !(target.is_rowid(*at) && field.nullable)
        };
        if query.fields.iter().zip(&target.columns).all(fits) {
            return Ok(query.text);
        }
        let name = self.new_name();
        let list = query.column_list();
        let inner = std::mem::take(&mut query.text);
        let mut texts = Vec::new();
        for (field, at) in query.qualified(&name).iter().zip(&target.columns) {
            let mut term = field.term();
            if term.ty == Type::Null {
                term.text = format!("{}::{}", term.text, target.kind(*at).postgres());
                term.ty = Type::Of(target.kind(*at));
            }
            texts.push(self.stored(term, *at, target)?);
        }
        Ok(format!(
            "SELECT {} FROM ({inner}) AS {}{list}",
            texts.join(", "),
            names::quoted(&name)
        ))
    }

    /// ` RETURNING …`, and its columns.
    pub(super) fn returning(
        &mut self,
        columns: &[ResultColumn<'_>],
        table: &str,
        item: Item,
        text: &mut String,
    ) -> Outcome<Vec<Field>> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let scope = Scope::of(vec![item]);
        let work = |translator: &mut Self| translator.outputs(columns);
        let (outputs, _) = self.within(scope, |translator| {
            translator.while_changing(table, false, work)
        })?;
        let texts: Vec<String> = outputs.iter().map(|output| output.term.value()).collect();
        text.push_str(&format!(" RETURNING {}", texts.join(", ")));
        Ok(outputs.iter().map(super::arm::Output::field).collect())
    }
}

/// The position of a column by its name, or by a name of the rowid.
pub(super) fn column_position(table: &Table, name: &str) -> Outcome<usize> {
    let is_rowid = matches!(name, "rowid" | "oid" | "_rowid_");
    let position = table.position(name).or(table.rowid.filter(|_| is_rowid));
    let position = position.ok_or_else(|| {
        Fault::unknown(format!("table {} has no column named {name}", table.name))
    })?;
    if table.columns[position].is_generated {
        return Err(Fault::wrong(format!(
            "cannot change generated column {name}"
        )));
    }
    Ok(position)
}

/// The given columns that have no `NULL`, and may be given one.
fn needed_columns(rows: &[Vec<String>], target: &Target<'_>) -> Vec<usize> {
    let is_literal = |text: &String| {
        text == "DEFAULT"
            || text.starts_with('\'')
            || text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let columns = target
        .columns
        .iter()
        .enumerate()
        .filter(|(_, at)| target.table.columns[**at].not_null && !target.is_rowid(**at));
    let columns = columns.map(|(position, _)| position);
    columns
        .filter(|position| !rows.iter().all(|row| is_literal(&row[*position])))
        .collect()
}

fn wrong_width(target: &Target<'_>, given: usize) -> Box<Fault> {
    let (table, expected) = (&target.table.name, target.columns.len());
    Fault::wrong(format!(
        "table {table} has {expected} columns but {given} values were supplied"
    ))
}

/// Adds the rowid as the last column that is returned, for `last_insert_rowid()`.
fn rowid_text(
    target: &Target<'_>,
    upsert: Option<&Upsert<'_>>,
    fields: &[Field],
    text: &mut String,
) -> bool {
    let (Some(rowid), Some(sequence)) = (target.table.rowid, target.sequence()) else {
        return false;
    };
    let alias = names::quoted(&target.alias);
    let mut rowid = format!(
        "{alias}.{}",
        names::quoted(&target.table.columns[rowid].name)
    );
    if target.gives_rowid() {
        rowid = format!("terrace.inserted({sequence}, {rowid})");
    }
    if upsert.is_some() {
        // Of a row that was there before, the last transaction that changed it is known.
        rowid = format!("CASE WHEN {alias}.xmax = 0 THEN {rowid} END");
    }
    let comma = if fields.is_empty() {
        " RETURNING "
    } else {
        ", "
    };
    text.push_str(&format!("{comma}{rowid}"));
    true
}
