//! Statements that are refused: where, why, and how to write them so that both engines take them.
//! Finding the place is left to [`super::source`].

use std::borrow::Cow;

use sqlite3_parser::ast::fmt::ToTokens;

use super::limits::MAX_DEPTH;
use super::tokens::tokens_of;

/// Why a statement is not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SQLite does not take it either.
    Wrong,
    /// It names a table or column that the schema does not have.
    Unknown,
    /// Postgres has nothing that gives the same answer.
    NotPortable,
}

/// Where in a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In bytes, from the start of the text.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// A statement that is refused by name, so that nobody gets a different answer without a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {reason}{}", place.line, place.column, spelling(portable.as_deref()))]
pub struct Refusal {
    /// What it is about.
    pub cause: Cause,
    /// Where the refused part begins.
    pub place: Place,
    /// What cannot be carried over and why.
    pub reason: String,
    /// What both engines take.
    pub portable: Option<String>,
}

fn spelling(portable: Option<&str>) -> String {
    portable.map_or_else(String::new, |portable| {
        format!("; write {portable} instead")
    })
}

/// A refusal whose place is known by the tokens of the refused part only.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) cause: Cause,
    pub(super) reason: Cow<'static, str>,
    pub(super) portable: Option<Cow<'static, str>>,
    /// The refused part, if an expression was named.
    pub(super) tokens: Vec<String>,
}

/// The result of printing a part.
pub(super) type Outcome<T> = Result<T, Box<Fault>>;

impl Fault {
    pub(super) fn new(cause: Cause, reason: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Self {
            cause,
            reason: reason.into(),
            portable: None,
            tokens: Vec::new(),
        })
    }

    /// Of something that SQLite has and Postgres has not.
    pub(super) fn refused(
        reason: impl Into<Cow<'static, str>>,
        portable: impl Into<Cow<'static, str>>,
    ) -> Box<Self> {
        let mut fault = Self::new(Cause::NotPortable, reason);
        fault.portable = Some(portable.into());
        fault
    }

    /// Of something for which there is no portable spelling.
    pub(super) fn impossible(reason: impl Into<Cow<'static, str>>) -> Box<Self> {
        Self::new(Cause::NotPortable, reason)
    }

    pub(super) fn unknown(reason: impl Into<Cow<'static, str>>) -> Box<Self> {
        Self::new(Cause::Unknown, reason)
    }

    pub(super) fn wrong(reason: impl Into<Cow<'static, str>>) -> Box<Self> {
        Self::new(Cause::Wrong, reason)
    }
}

/// Names the refused part, unless a smaller part was named already.
pub(super) trait At {
    fn at(self, part: &impl ToTokens) -> Self;
}

impl<T> At for Outcome<T> {
    fn at(self, part: &impl ToTokens) -> Self {
        self.map_err(|fault| fault.at(part))
    }
}

impl At for Box<Fault> {
    fn at(mut self, part: &impl ToTokens) -> Self {
        if self.tokens.is_empty() {
            self.tokens = tokens_of(part);
        }
        self
    }
}

/// The refusal of a statement that is nested too deeply. It names no part: finding one goes as deep.
pub(super) fn too_deep() -> Box<Fault> {
    let reason = format!("the statement is nested more than {MAX_DEPTH} levels deep");
    let mut fault = Fault::impossible(reason);
    fault.tokens = vec![String::new()];
    fault
}
