//! Queries: one `SELECT` or `VALUES`, several of them combined, and what is ordered and limited at their end.
//! `FROM`, `GROUP BY` and `WITH` have files of their own.

use std::collections::{HashMap, HashSet};

use sqlite3_parser::ast::{CompoundOperator, Distinctness, Limit, OneSelect, Select, SortedColumn};

use super::arm::{Arm, Body};
use super::convert;
use super::kind::{Collation, Kind, Type};
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::scope::{Field, Scope};
use super::term::{Constant, Term};
use super::translator::Translator;

/// A printed query and its columns.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) text: String,
    /// Their texts are empty: whoever names the query says how they are qualified.
    pub(super) fields: Vec<Field>,
}

impl Query {
    /// The names of the columns, each once, as a list after the query's name.
    pub(super) fn column_list(&mut self) -> String {
        let mut known = HashSet::new();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for field in &mut self.fields {
            let mut name = field.name.clone();
            while !known.insert(name.clone()) {
                let count = counts.entry(field.name.clone()).or_default();
                *count += 1;
                name = format!("{}:{count}", field.name);
            }
            field.name = name;
        }
        let names = self.fields.iter().map(|field| names::quoted(&field.name));
        let quoted: Vec<String> = names.collect();
        format!("({})", quoted.join(", "))
    }

    /// The columns as those of an item of `FROM`.
    pub(super) fn qualified(self, item: &str) -> Vec<Field> {
        let item = names::quoted(item);
        let mut fields = self.fields;
        for field in &mut fields {
            field.text = format!("{item}.{}", names::quoted(&field.name));
        }
        fields
    }
}

impl Translator<'_> {
    /// Prints a query.
    pub(super) fn select(&mut self, select: &Select<'_>) -> Outcome<Query> {
        self.nested(|translator| {
            let commons = translator.commons.len();
            let outer = translator.collation_inside.take();
            translator.query_depth += 1;
            let result = translator.select_with(select);
            translator.query_depth -= 1;
            translator.commons.truncate(commons);
            translator.collation_inside = outer;
            result
        })
    }

    fn select_with(&mut self, select: &Select<'_>) -> Outcome<Query> {
        let expected = std::mem::take(&mut self.expected);
        let with = self.with(select.with.as_ref())?;
        let limit = self.limit(select.limit)?;
        let compounds = select.body.compounds.as_deref().unwrap_or(&[]);
        let mut query = if compounds.is_empty() {
            self.single(&select.body.select, select.order_by, &limit, &expected)?
        } else {
            let mut arms = vec![self.arm(&select.body.select, &[])?.0];
            let mut operators = Vec::new();
            for compound in compounds {
                operators.push(compound.operator);
                arms.push(self.arm(&compound.select, &[])?.0);
            }
            let query = self.combined(arms, &operators, &expected)?;
            match (select.order_by, limit.is_empty()) {
                (None, true) => query,
                (order_by, _) => self.wrapped(query, order_by.unwrap_or(&[]), &limit)?,
            }
        };
        query.text = format!("{with}{}", query.text);
        Ok(query)
    }

    /// A query of one arm.
    fn single(
        &mut self,
        select: &OneSelect<'_>,
        order_by: Option<&[SortedColumn<'_>]>,
        limit: &str,
        expected: &[Kind],
    ) -> Outcome<Query> {
        let order_by = order_by.unwrap_or(&[]);
        let is_distinct = matches!(
            select,
            OneSelect::Select {
                distinctness: Some(Distinctness::Distinct),
                ..
            }
        );
        let is_values = matches!(select, OneSelect::Values(_));
        if (is_distinct || is_values) && !order_by.is_empty() {
            let (arm, _) = self.arm(select, &[])?;
            let query = self.combined(vec![arm], &[], expected)?;
            return self.wrapped(query, order_by, limit);
        }
        let (arm, order) = self.arm(select, order_by)?;
        let mut query = self.combined(vec![arm], &[], expected)?;
        query.text.push_str(&order);
        query.text.push_str(limit);
        Ok(query)
    }

    /// All arms, with the same kind in each column.
    pub(super) fn combined(
        &mut self,
        mut arms: Vec<Arm>,
        operators: &[CompoundOperator],
        expected: &[Kind],
    ) -> Outcome<Query> {
        let width = arms[0].width();
        if arms.iter().any(|arm| arm.width() != width) {
            return Err(Fault::wrong(
                "SELECTs to the left and right of an operator do not have the same number of result columns",
            ));
        }
        let mut fields = arms[0].fields();
        let is_deduplicated = operators.iter().any(|it| *it != CompoundOperator::UnionAll)
            || arms.iter().any(Arm::is_distinct);
        for (at, field) in fields.iter_mut().enumerate() {
            let terms: Vec<Term> = arms.iter().flat_map(|arm| arm.terms(at)).cloned().collect();
            let nocase = terms
                .iter()
                .any(|term| term.collation == Some(Collation::NoCase));
            if is_deduplicated && nocase {
                return Err(Fault::refused(
                    "one of several spellings of a NOCASE column would be kept",
                    "lower(…)",
                ));
            }
            let collation = terms.iter().find_map(|term| term.collation);
            field.collation = collation.unwrap_or_default();
            field.nullable = terms.iter().any(|term| term.nullable);
            field.is_bytewise = terms.iter().any(|term| term.is_bytewise);
            let same_affinity = terms.iter().all(|term| term.affinity == terms[0].affinity);
            if !same_affinity {
                field.affinity = super::kind::Affinity::None;
            }
            let (mut ty, mut terms) = convert::unified(self, terms);
            if let (Type::Null, Some(kind)) = (ty, expected.get(at)) {
                terms.iter_mut().for_each(|term| self.settle(term, *kind));
                ty = Type::Of(*kind);
            }
            field.ty = ty;
            let mut terms = terms.into_iter();
            for arm in &mut arms {
                arm.replace(at, &mut terms);
            }
        }
        let text = joined(&arms, operators);
        Ok(Query { text, fields })
    }

    /// A query whose result is ordered by its own columns.
    fn wrapped(
        &mut self,
        mut query: Query,
        order_by: &[SortedColumn<'_>],
        limit: &str,
    ) -> Outcome<Query> {
        let name = self.new_name();
        let columns = query.column_list();
        let mut order = Vec::new();
        for column in order_by {
            let Some(at) = self.output_position(&query.fields, column) else {
                return Err(Fault::refused(
                    "the result is ordered by something that is not a column of it",
                    "ORDER BY a column of the result",
                ))
                .at(&column.expr);
            };
            let field = &query.fields[at];
            let mut term = field.term();
            term.text = format!("{}.{}", names::quoted(&name), names::quoted(&field.name));
            super::ordering::apply_collation(&mut term, &column.expr)?;
            order.push(super::ordering::sorted(&term, column));
        }
        let order = match order.is_empty() {
            true => String::new(),
            false => format!(" ORDER BY {}", order.join(", ")),
        };
        query.text = format!(
            "SELECT * FROM ({}) AS {}{columns}{order}{limit}",
            query.text,
            names::quoted(&name)
        );
        Ok(query)
    }

    /// ` LIMIT … OFFSET …`. A negative limit is none, a negative offset is zero.
    fn limit(&mut self, limit: Option<&Limit<'_>>) -> Outcome<String> {
        let Some(limit) = limit else {
            return Ok(String::new());
        };
        let count = self.expression(&limit.expr)?;
        let count = self.number(count)?;
        let mut text = match count.constant {
            Some(Constant::Integer(count)) if count < 0 => String::new(),
            Some(Constant::Integer(count)) => format!(" LIMIT {count}"),
            _ => format!(" LIMIT terrace.limited({})", count.value()),
        };
        let Some(offset) = &limit.offset else {
            return Ok(text);
        };
        let offset = self.expression(offset)?;
        let offset = self.number(offset)?;
        match offset.constant {
            Some(Constant::Integer(offset)) if offset <= 0 => {}
            Some(Constant::Integer(offset)) => text.push_str(&format!(" OFFSET {offset}")),
            _ => text.push_str(&format!(" OFFSET terrace.skipped({})", offset.value())),
        }
        Ok(text)
    }

    /// One `SELECT` or `VALUES`, and the ` ORDER BY` of a query that has no other arm.
    pub(super) fn arm(
        &mut self,
        select: &OneSelect<'_>,
        order_by: &[SortedColumn<'_>],
    ) -> Outcome<(Arm, String)> {
        match select {
            OneSelect::Values(rows) => {
                let mut values = Vec::new();
                for row in rows {
                    let row: Outcome<Vec<Term>> =
                        row.iter().map(|value| self.expression(value)).collect();
                    values.push(row?);
                }
                let width = values.first().map_or(0, Vec::len);
                if values.iter().any(|row| row.len() != width) {
                    return Err(Fault::wrong(
                        "all VALUES must have the same number of terms",
                    ));
                }
                Ok((Arm::values(values), String::new()))
            }
            OneSelect::Select {
                distinctness,
                columns,
                from,
                where_clause,
                group_by,
                having,
                window_clause,
            } => {
                let (from, items) = self.from(from.as_ref())?;
                let body = Body {
                    columns,
                    where_clause: *where_clause,
                    group_by: group_by.unwrap_or(&[]),
                    having: *having,
                    windows: window_clause.unwrap_or(&[]),
                    order_by,
                    is_distinct: *distinctness == Some(Distinctness::Distinct),
                };
                let scope = Scope::of(items);
                let (arm, _) = self.within(scope, |translator| translator.body(&body, from))?;
                Ok(arm)
            }
        }
    }
}

/// The arms with their operators, which all bind alike from the left.
fn joined(arms: &[Arm], operators: &[CompoundOperator]) -> String {
    let mut arms = arms.iter();
    let mut text = arms.next().map(Arm::text).unwrap_or_default();
    for (arm, operator) in arms.zip(operators) {
        let word = match operator {
            CompoundOperator::Union => "UNION",
            CompoundOperator::UnionAll => "UNION ALL",
            CompoundOperator::Except => "EXCEPT",
            CompoundOperator::Intersect => "INTERSECT",
        };
        text = format!("({text}) {word} ({})", arm.text());
    }
    text
}
