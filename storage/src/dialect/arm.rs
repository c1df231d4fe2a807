//! One `SELECT` of a query: its columns, conditions and groups, kept apart until all arms have the same kinds.

use sqlite3_parser::ast::{As, Expr, ResultColumn, SortedColumn, WindowDef};

use super::convert::condition;
use super::expressions::plain;
use super::kind::Collation;
use super::names;
use super::refusal::{Fault, Outcome};
use super::scope::Field;
use super::source;
use super::term::Term;
use super::translator::Translator;

/// The clauses of a `SELECT`.
pub(super) struct Body<'e> {
    pub(super) columns: &'e [ResultColumn<'e>],
    pub(super) where_clause: Option<&'e Expr<'e>>,
    pub(super) group_by: &'e [Expr<'e>],
    pub(super) having: Option<&'e Expr<'e>>,
    pub(super) windows: &'e [WindowDef<'e>],
    pub(super) order_by: &'e [SortedColumn<'e>],
    pub(super) is_distinct: bool,
}

/// A column of a result.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) term: Term,
    /// As SQLite names it.
    pub(super) shown: String,
}

/// A printed `SELECT` or `VALUES`, whose values can still be converted.
#[derive(Debug)]
pub(super) enum Arm {
    Select {
        is_distinct: bool,
        columns: Vec<Output>,
        rest: String,
    },
    Values(Vec<Vec<Term>>),
}

impl Arm {
    pub(super) fn values(rows: Vec<Vec<Term>>) -> Self {
        Self::Values(rows)
    }

    pub(super) fn is_distinct(&self) -> bool {
        matches!(
            self,
            Self::Select {
                is_distinct: true,
                ..
            }
        )
    }

    pub(super) fn width(&self) -> usize {
        match self {
            Self::Select { columns, .. } => columns.len(),
            Self::Values(rows) => rows.first().map_or(0, Vec::len),
        }
    }

    /// The expressions of one column.
    pub(super) fn terms(&self, at: usize) -> Vec<&Term> {
        match self {
            Self::Select { columns, .. } => vec![&columns[at].term],
            Self::Values(rows) => rows.iter().map(|row| &row[at]).collect(),
        }
    }

    /// Takes the expressions of one column back.
    pub(super) fn replace(&mut self, at: usize, terms: &mut impl Iterator<Item = Term>) {
        let places: Vec<&mut Term> = match self {
            Self::Select { columns, .. } => vec![&mut columns[at].term],
            Self::Values(rows) => rows.iter_mut().map(|row| &mut row[at]).collect(),
        };
        for place in places {
            if let Some(term) = terms.next() {
                *place = term;
            }
        }
    }

    pub(super) fn fields(&self) -> Vec<Field> {
        match self {
            Self::Select { columns, .. } => columns.iter().map(Output::field).collect(),
            Self::Values(rows) => {
                let first = rows.first().map(Vec::as_slice).unwrap_or_default();
                let columns = first.iter().enumerate().map(|(at, term)| Output {
                    term: term.clone(),
                    shown: format!("column{}", at + 1),
                });
                columns.map(|column| column.field()).collect()
            }
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Select {
                is_distinct,
                columns,
                rest,
            } => {
                let distinct = if *is_distinct { "DISTINCT " } else { "" };
                let columns: Vec<String> =
                    columns.iter().map(|column| column.term.value()).collect();
                format!("SELECT {distinct}{}{rest}", columns.join(", "))
            }
            Self::Values(rows) => {
                let rows = rows.iter().map(|row| {
                    let values: Vec<String> = row.iter().map(Term::value).collect();
                    format!("({})", values.join(", "))
                });
                format!("VALUES {}", rows.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Output {
    pub(super) fn field(&self) -> Field {
        Field {
            name: self.shown.to_ascii_lowercase(),
            shown: self.shown.clone(),
            ty: self.term.ty.of_value(),
            affinity: self.term.affinity,
            nullable: self.term.nullable,
            is_bytewise: self.term.is_bytewise,
            collation: self.term.collation.unwrap_or(Collation::Binary),
            text: String::new(),
            is_merged: false,
        }
    }
}

impl Translator<'_> {
    /// A `SELECT` whose `FROM` is the innermost scope.
    pub(super) fn body(&mut self, body: &Body<'_>, from: String) -> Outcome<(Arm, String)> {
        self.begin_groups(body)?;
        let keys = self.group_by(body)?;
        self.allow_aggregates(true);
        let columns = self.outputs(body.columns)?;
        let mut rest = from;
        self.allow_aggregates(false);
        if let Some(where_clause) = body.where_clause {
            let bare = self
                .scope()
                .map(|scope| scope.bare.len())
                .unwrap_or_default();
            rest.push_str(&format!(" WHERE {}", self.condition(where_clause)?));
            if let Some(scope) = self.scope() {
                scope.bare.truncate(bare);
            }
        }
        if !keys.is_empty() {
            rest.push_str(&format!(" GROUP BY {}", keys.join(", ")));
        }
        self.allow_aggregates(true);
        if let Some(having) = body.having {
            let term = self.expression(having)?;
            rest.push_str(&format!(" HAVING {}", condition(&term)));
        }
        if !body.windows.is_empty() {
            rest.push_str(&self.window_clause(body.windows)?);
        }
        let order = self.order_by(body.order_by, &columns)?;
        self.check_groups(body, &keys)?;
        let arm = Arm::Select {
            is_distinct: body.is_distinct,
            columns,
            rest,
        };
        Ok((arm, order))
    }

    fn allow_aggregates(&mut self, allow: bool) {
        if let Some(scope) = self.scope() {
            scope.allows_aggregates = allow;
        }
    }

    /// The columns of a result, and their names as aliases in the scope.
    pub(super) fn outputs(&mut self, columns: &[ResultColumn<'_>]) -> Outcome<Vec<Output>> {
        let mut outputs = Vec::new();
        let mut aliases = Vec::new();
        let texts = match self.query_depth {
            0 | 1 => source::column_texts(self.text),
            _ => Vec::new(),
        };
        for (at, column) in columns.iter().enumerate() {
            match column {
                ResultColumn::Star => self.all_columns(None, &mut outputs)?,
                ResultColumn::TableStar(table) => {
                    self.all_columns(Some(&names::folded(table)), &mut outputs)?;
                }
                ResultColumn::Expr(expression, alias) => {
                    let term = self.expression(expression)?;
                    let shown = match alias {
                        Some(As::As(name) | As::Elided(name)) => {
                            let shown = names::unquoted(name.0).into_owned();
                            aliases.push((shown.to_ascii_lowercase(), term.clone()));
                            shown
                        }
                        None => self.shown_name(expression, texts.get(at).copied()),
                    };
                    outputs.push(Output { term, shown });
                }
            }
        }
        if let Some(scope) = self.scope() {
            scope.aliases = aliases;
        }
        Ok(outputs)
    }

    /// The name of a column that has no alias: a column's own, or the text of the expression.
    fn shown_name(&mut self, expression: &Expr<'_>, text: Option<&str>) -> String {
        let written = match plain(expression) {
            Expr::Id(id) => id.0,
            Expr::Name(name) | Expr::Qualified(_, name) | Expr::DoublyQualified(_, _, name) => {
                name.0
            }
            _ => {
                let found = || self.text_of(expression);
                return text.map_or_else(found, str::to_owned);
            }
        };
        let written = names::unquoted(written).into_owned();
        // Inside of another query a column is named before it is found.
        if self.query_depth > 1 {
            return written;
        }
        let name = written.to_ascii_lowercase();
        let items = self.scopes.last().map(|scope| &scope.items);
        let mut items = items.into_iter().flatten();
        let field = items.find_map(|item| item.field(&name));
        field.map_or(written, |field| field.shown.clone())
    }

    fn all_columns(&mut self, table: Option<&str>, outputs: &mut Vec<Output>) -> Outcome<()> {
        let Some(scope) = self.scope() else {
            return Err(Fault::wrong("no tables specified"));
        };
        let before = outputs.len();
        for (at, item) in scope.items.iter().enumerate() {
            if table.is_some_and(|table| table != item.name) {
                continue;
            }
            for field in &item.fields {
                if table.is_none() && field.is_merged {
                    continue;
                }
                scope.bare.push(super::scope::Bare {
                    text: field.text.clone(),
                    item: at,
                    shown: field.shown.clone(),
                });
                outputs.push(Output {
                    term: field.term(),
                    shown: field.shown.clone(),
                });
            }
        }
        match (outputs.len() == before, table) {
            (false, _) => Ok(()),
            (true, Some(table)) => Err(Fault::unknown(format!("no such table: {table}"))),
            (true, None) => Err(Fault::wrong("no tables specified")),
        }
    }
}
