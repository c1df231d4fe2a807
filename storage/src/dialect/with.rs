//! `WITH`: common table expressions, recursive ones too.

use sqlite3_parser::ast::{
    CommonTableExpr, CompoundOperator, CompoundSelect, FromClause, Materialized, OneSelect, Select,
    SelectTable, With,
};

use super::kind::{Kind, Type};
use super::names;
use super::refusal::{Fault, Outcome};
use super::scope::Field;
use super::select::Query;
use super::translator::{Common, Translator};

impl Translator<'_> {
    /// `WITH … `; the expressions stay in scope until the query that they stand before ends.
    pub(super) fn with(&mut self, with: Option<&With<'_>>) -> Outcome<String> {
        let Some(with) = with else {
            return Ok(String::new());
        };
        let mut texts = Vec::new();
        let mut is_recursive = false;
        for common in with.ctes {
            let names_itself = names_itself(common);
            is_recursive |= names_itself;
            texts.push(match names_itself {
                true => self.recursive(common)?,
                false => self.plain(common)?,
            });
        }
        let word = if is_recursive { "RECURSIVE " } else { "" };
        Ok(format!("WITH {word}{} ", texts.join(", ")))
    }

    fn plain(&mut self, common: &CommonTableExpr<'_>) -> Outcome<String> {
        let query = self.select(common.select)?;
        self.defined(common, query)
    }

    fn defined(&mut self, common: &CommonTableExpr<'_>, mut query: Query) -> Outcome<String> {
        let name = names::folded(&common.tbl_name);
        rename(common, &mut query.fields)?;
        let columns = query.column_list();
        let hint = match common.materialized {
            Materialized::Any => "",
            Materialized::Yes => "MATERIALIZED ",
            Materialized::No => "NOT MATERIALIZED ",
        };
        let text = format!(
            "{}{columns} AS {hint}({})",
            names::quoted(&name),
            query.text
        );
        self.commons.push(Common {
            name,
            fields: query.fields,
        });
        Ok(text)
    }

    /// The first arm says which kinds the columns have; the second one is printed with them in scope.
    fn recursive(&mut self, common: &CommonTableExpr<'_>) -> Outcome<String> {
        let body = &common.select.body;
        let second = recursive_arm(common.select)?;
        let first = self.arm(&body.select, &[])?.0;
        let mut fields = first.fields();
        for field in &mut fields {
            field.nullable = true;
            field.is_bytewise = true;
            if field.ty == Type::Null {
                return Err(Fault::refused(
                    "a recursive query starts with a NULL that has no kind",
                    "CAST(NULL AS …)",
                ));
            }
        }
        rename(common, &mut fields)?;
        let kinds: Vec<Type> = fields.iter().map(|field| field.ty).collect();
        self.commons.push(Common {
            name: names::folded(&common.tbl_name),
            fields,
        });
        let second_arm = self.arm(&second.select, &[]);
        self.commons.pop();
        let mut arms = vec![first, second_arm?.0];
        for arm in &mut arms {
            arm.force_bytewise();
        }
        let query = self.combined(arms, &[second.operator], &[])?;
        let same = query.fields.iter().map(|field| field.ty).eq(kinds);
        if !same {
            return Err(Fault::refused(
                "both arms of a recursive query must have the same kinds",
                "a CAST in one of them",
            ));
        }
        self.defined(common, query)
    }
}

impl super::arm::Arm {
    /// Both arms of a recursive query must compare text alike.
    fn force_bytewise(&mut self) {
        for at in 0..self.width() {
            let terms: Vec<_> = self.terms(at).into_iter().cloned().collect();
            let mut terms = terms.into_iter().map(|mut term| {
                if term.is(Kind::Text) && !term.is_bytewise {
                    term.text = format!("({} COLLATE \"C\")", term.value());
                    term.constant = None;
                    term.is_bytewise = true;
                }
                term
            });
            self.replace(at, &mut terms);
        }
    }
}

fn rename(common: &CommonTableExpr<'_>, fields: &mut [Field]) -> Outcome<()> {
    let Some(columns) = common.columns else {
        return Ok(());
    };
    if columns.len() != fields.len() {
        let reason = format!(
            "table {} has {} values for {} columns",
            common.tbl_name.0,
            fields.len(),
            columns.len()
        );
        return Err(Fault::wrong(reason));
    }
    for (field, column) in fields.iter_mut().zip(columns) {
        field.name = names::folded(&column.col_name);
        field.shown = names::unquoted(column.col_name.0).into_owned();
    }
    Ok(())
}

/// The arm of a recursive query that names the query.
fn recursive_arm<'e>(select: &'e Select<'e>) -> Outcome<&'e CompoundSelect<'e>> {
    let [second] = select.body.compounds.as_deref().unwrap_or(&[]) else {
        return Err(Fault::refused(
            "a recursive query has more than two arms",
            "one arm that names the query itself",
        ));
    };
    let is_plain = select.order_by.is_none() && select.limit.is_none() && select.with.is_none();
    match second.operator {
        CompoundOperator::Union | CompoundOperator::UnionAll if is_plain => Ok(second),
        _ => Err(Fault::refused(
            "ORDER BY and LIMIT inside of a recursive query",
            "ORDER BY and LIMIT in the query that reads it",
        )),
    }
}

/// Whether an arm after the first reads from the expression itself. SQLite needs no `RECURSIVE` for that.
fn names_itself(common: &CommonTableExpr<'_>) -> bool {
    let arms = common.select.body.compounds.iter().flatten();
    let mut selects = arms.map(|arm| &arm.select);
    selects.any(|select| match select {
        OneSelect::Select {
            from: Some(from), ..
        } => reads(from, common),
        _ => false,
    })
}

fn reads(from: &FromClause<'_>, common: &CommonTableExpr<'_>) -> bool {
    let joined = from.joins.iter().flatten().map(|join| &join.table);
    from.select
        .into_iter()
        .chain(joined)
        .any(|table| match table {
            SelectTable::Table(name, ..) => name.name == common.tbl_name,
            SelectTable::Sub(from, _) => reads(from, common),
            SelectTable::Select(select, _) => reads_in(select, common),
            SelectTable::TableCall(..) => false,
        })
}

fn reads_in(select: &Select<'_>, common: &CommonTableExpr<'_>) -> bool {
    match &select.body.select {
        OneSelect::Select {
            from: Some(from), ..
        } => reads(from, common),
        _ => false,
    }
}
