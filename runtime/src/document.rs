//! Reads TOML files key by key and knows the place of everything, so that all faults are found in one pass.
//! The readers of each file know what its keys mean.
//!
//! A [`Table`] remembers the keys that were read; [`Table::finish`] reports all others. So no second list of keys can
//! differ from the keys that are read.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use crate::fault::{Fault, Faults, Position, Reason, Source};

mod table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use table::Table;
pub(crate) use value::Value;

/// Where something stands in a file, in bytes.
pub(crate) type Span = Range<usize>;

/// A TOML file that is being read, and the faults found so far.
#[derive(Debug)]
pub(crate) struct Document {
    source: Source,
    faults: RefCell<Vec<Fault>>,
}

impl Document {
    /// A document over a text that was already read.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            faults: RefCell::default(),
        }
    }

    /// The file, as the user named it.
    pub(crate) fn file(&self) -> &Path {
        &self.source.file
    }

    /// Parses the text.
    ///
    /// # Errors
    /// All faults of syntax. Other faults cannot be found before these are mended.
    pub(crate) fn parse(&self) -> Result<Spanned<DeTable<'_>>, Faults> {
        let (table, errors) = DeTable::parse_recoverable(&self.source.text);
        let faults = errors.iter().map(|error| {
            let span = error.span().unwrap_or_default();
            let reason = format!("not TOML: {}", error.message());
            self.source.fault(&span, reason)
        });
        Faults(faults.collect()).or(table)
    }

    /// The whole parsed document as a table.
    pub(crate) fn root<'d>(&'d self, parsed: &'d Spanned<DeTable<'d>>) -> Table<'d> {
        Table::new(self, "the file".into(), parsed.span(), parsed.get_ref())
    }

    /// Notes a fault.
    pub(crate) fn report(&self, span: &Span, reason: impl Into<Reason>) {
        let fault = self.source.fault(span, reason);
        self.faults.borrow_mut().push(fault);
    }

    /// The place of a span.
    pub(crate) fn position(&self, span: &Span) -> Position {
        self.source.position(span)
    }

    /// Takes the faults found so far.
    pub(crate) fn take_faults(&self) -> Faults {
        Faults(self.faults.take())
    }
}
