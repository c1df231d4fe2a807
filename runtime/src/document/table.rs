//! A TOML table that remembers which keys were read.

use std::cell::{Cell, RefCell};

use toml::de::{DeTable, DeValue};

use super::{Document, Span, Value};
use crate::fault::{Reason, did_you_mean};

/// A table of a document, read key by key.
#[derive(Debug)]
pub(crate) struct Table<'d> {
    document: &'d Document,
    name: String,
    span: Span,
    entries: &'d DeTable<'d>,
    known: RefCell<Vec<&'static str>>,
    open: Cell<bool>,
}

impl<'d> Table<'d> {
    pub(super) fn new(
        document: &'d Document,
        name: String,
        span: Span,
        entries: &'d DeTable<'d>,
    ) -> Self {
        Self {
            document,
            name,
            span,
            entries,
            known: RefCell::default(),
            open: Cell::new(false),
        }
    }

    /// Notes a fault of the table as a whole.
    pub(crate) fn report(&self, reason: impl Into<Reason>) {
        self.document.report(&self.span, reason);
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&self, key: &'static str) -> Option<Value<'d>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        drop(known);
        let (key, value) = self.entries.get_key_value(key)?;
        Some(self.value(key.get_ref(), key.span(), value))
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &'static str, help: &str) -> Option<Value<'d>> {
        let value = self.get(key);
        if value.is_none() {
            let message = format!("`{key}` is missing in {}", self.name);
            self.report(Reason::new(message).help(help));
        }
        value
    }

    /// The string of a key, if it is there.
    pub(crate) fn string(&self, key: &'static str) -> Option<&'d str> {
        self.get(key)?.string()
    }

    /// The boolean of a key, if it is there.
    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.get(key)?.boolean()
    }

    /// The strings of a list, each with its place; none if the key is absent.
    pub(crate) fn strings(&self, key: &'static str) -> Vec<(Value<'d>, &'d str)> {
        self.get(key)
            .map(|value| value.strings())
            .unwrap_or_default()
    }

    /// The number of a key, from `least` to `most`, if it is there.
    pub(crate) fn number(&self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        self.get(key)?.number(least, most)
    }

    /// The meaning of a string, if the key is there and `parse` understands it.
    pub(crate) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Option<T> {
        self.get(key)?.parsed(parse)
    }

    /// The table of a key, called `name` in messages, if it is there.
    pub(crate) fn table(&self, key: &'static str, name: impl Into<String>) -> Option<Table<'d>> {
        self.get(key)?.table(name)
    }

    /// All entries in the order of the file. From then on no key is unknown.
    pub(crate) fn entries(&self) -> Vec<Value<'d>> {
        self.open.set(true);
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| self.value(key.get_ref(), key.span(), value))
            .collect();
        entries.sort_by_key(|entry| entry.key_span().start);
        entries
    }

    /// All entries as strings, with their keys, in the order of the file.
    pub(crate) fn string_entries(&self) -> Vec<(Value<'d>, &'d str)> {
        let entries = self.entries();
        let strings = entries.into_iter().filter_map(|entry| {
            let text = entry.string()?;
            Some((entry, text))
        });
        strings.collect()
    }

    /// The table of strings of a key, in the order of the file; empty if the key is absent.
    pub(crate) fn string_map(&self, key: &'static str) -> Vec<(String, String)> {
        let table = self.table(key, format!("`{key}`"));
        let entries = table.map(|table| table.string_entries());
        let owned = |(entry, text): (Value<'_>, &str)| (entry.key().to_owned(), text.to_owned());
        entries.unwrap_or_default().into_iter().map(owned).collect()
    }

    /// Reports every key that was not read.
    pub(crate) fn finish(&self) {
        if self.open.get() {
            return;
        }
        let known = self.known.borrow();
        for (key, _) in self.entries {
            let word: &str = key.get_ref();
            if known.contains(&word) {
                continue;
            }
            let message = format!("unknown key `{word}` in {}", self.name);
            let reason = Reason::new(message).help(did_you_mean(word, &known, "keys"));
            self.document.report(&key.span(), reason);
        }
    }

    fn value(
        &self,
        key: &'d str,
        key_span: Span,
        value: &'d toml::Spanned<DeValue<'d>>,
    ) -> Value<'d> {
        let name = format!("`{key}` in {}", self.name);
        Value::new(self.document, key, key_span, name, value)
    }
}
