//! One value of a TOML document, with its key and its place.

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::{Document, Span, Table};
use crate::fault::{Position, Reason};

/// A value and the key it stands under.
#[derive(Debug)]
pub(crate) struct Value<'d> {
    document: &'d Document,
    key: &'d str,
    key_span: Span,
    name: String,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Value<'d> {
    pub(super) fn new(
        document: &'d Document,
        key: &'d str,
        key_span: Span,
        name: String,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Self {
        Self {
            document,
            key,
            key_span,
            name,
            value,
        }
    }

    /// The key as written.
    pub(crate) fn key(&self) -> &'d str {
        self.key
    }

    /// Where the key stands.
    pub(crate) fn key_span(&self) -> &Span {
        &self.key_span
    }

    /// The place of the value.
    pub(crate) fn position(&self) -> Position {
        self.document.position(&self.value.span())
    }

    /// The place of the key.
    pub(crate) fn key_position(&self) -> Position {
        self.document.position(&self.key_span)
    }

    /// Notes a fault of the value.
    pub(crate) fn report(&self, reason: impl Into<Reason>) {
        self.document.report(&self.value.span(), reason);
    }

    /// Notes a fault of the key.
    pub(crate) fn report_key(&self, reason: impl Into<Reason>) {
        self.document.report(&self.key_span, reason);
    }

    /// Whether the value is a table.
    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Whether the value is a list.
    pub(crate) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// The value as a string; anything else is reported.
    pub(crate) fn string(&self) -> Option<&'d str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.wrong_type("a string"),
        }
    }

    /// A string or a number as text, whichever it is.
    pub(crate) fn literal(&self) -> Option<String> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(integer) => Some(integer.to_string()),
            _ => None,
        }
    }

    /// The value as a boolean; anything else is reported.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong_type("`true` or `false`"),
        }
    }

    /// The value as a whole number from `least` to `most`; anything else is reported.
    pub(crate) fn number(&self, least: u64, most: u64) -> Option<u64> {
        let DeValue::Integer(integer) = self.value.get_ref() else {
            return self.wrong_type("a whole number");
        };
        let number = unsigned(integer).filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!(
                "{} must be from {least} to {most}, found {integer}",
                self.name
            );
            self.report(message);
        }
        number
    }

    /// The value as a table that messages call `name`; anything else is reported.
    pub(crate) fn table(&self, name: impl Into<String>) -> Option<Table<'d>> {
        match self.value.get_ref() {
            DeValue::Table(entries) => {
                let span = self.table_span();
                Some(Table::new(self.document, name.into(), span, entries))
            }
            _ => self.wrong_type("a table"),
        }
    }

    /// The elements of a list; anything else is reported.
    pub(crate) fn list(&self) -> Option<Vec<Value<'d>>> {
        let DeValue::Array(elements) = self.value.get_ref() else {
            return self.wrong_type("a list");
        };
        let name = format!("an element of {}", self.name);
        let element = |value| {
            let span = Spanned::span(value);
            Value::new(self.document, self.key, span, name.clone(), value)
        };
        Some(elements.iter().map(element).collect())
    }

    /// The elements of a list of strings, each with its place; anything else is reported.
    pub(crate) fn strings(&self) -> Vec<(Value<'d>, &'d str)> {
        let elements = self.list().unwrap_or_default();
        let strings = elements.into_iter().filter_map(|element| {
            let text = element.string()?;
            Some((element, text))
        });
        strings.collect()
    }

    /// The meaning of the string; a failure is reported at the value. For a number, as in `timeout = 30`, `parse` says
    /// how the value is written.
    pub(crate) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, Reason>) -> Option<T> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => Some(number.to_string()),
            _ => None,
        };
        let parsed = match &number {
            Some(number) => parse(number),
            None => parse(self.string()?),
        };
        match parsed {
            Ok(_) if number.is_some() => self.wrong_type("a string"),
            Ok(value) => Some(value),
            Err(reason) => {
                self.report(reason);
                None
            }
        }
    }

    /// The place of a table. A table without a header of its own, like `component` in `[component.api]`, has none;
    /// messages point to its key.
    fn table_span(&self) -> Span {
        let span = self.value.span();
        if span.is_empty() {
            self.key_span.clone()
        } else {
            span
        }
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let found = kind(self.value.get_ref());
        self.report(format!("{} must be {expected}, found {found}", self.name));
        None
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn unsigned(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
