//! The portable dialect: SQLite's text in, Postgres' text out, or a refusal that says where, why, and what both take.
//! Running either text, and remembering translations, is left to the engines.
//!
//! The promise is that no statement gives a different answer without a word. A statement is read with SQLite's own
//! grammar and printed with full parentheses, because the precedences differ. The kind of every expression is known
//! while it is printed: from the columns of the [`Schema`], from the kinds of the values that come with the statement,
//! and else the expression is a `terrace.value`, which says its kind in each row. What Postgres lacks are functions in
//! the schema `terrace` ([`FUNCTIONS`]).
//!
//! What differs, and is not an error: the ids that an `INTEGER PRIMARY KEY` makes are unique and grow, but are not
//! always the next ones; rows without `ORDER BY`, and what `group_concat` joins without it, come in another order; the
//! sign of a zero is lost in places; a statement that makes a key collide only until its end may fail on one engine.
//! What Postgres cannot hold or compute fails there with an error of its own: a value of another kind than its column
//! (`TR001`), an integer that overflows, a zero byte in text, a subquery of several rows where one is wanted.

mod aggregates;
mod any_value;
mod arm;
mod calls;
mod change;
mod comparisons;
mod convert;
mod dates;
mod definitions;
mod described;
mod expressions;
mod format;
mod from;
mod functions;
mod grouping;
mod insert;
mod json;
mod kind;
mod limits;
mod literals;
mod names;
mod numbering;
mod numbers;
mod operators;
mod ordering;
mod predicates;
mod printed;
mod refusal;
mod schema;
mod scope;
mod script;
mod select;
mod source;
mod statement;
mod tables;
mod term;
#[cfg(test)]
mod tests;
mod tokens;
mod translator;
mod triggers;
mod upsert;
mod windows;
mod with;

use sqlite3_parser::lexer::sql::{Error as ParseError, Parser};
use sqlite3_parser::{Bump, FallibleIterator, ast::Cmd};

pub use any_value::decode as decode_value;
pub use kind::Kind;
pub use limits::{MAX_DEPTH, MAX_IDENTIFIER_BYTES, MAX_PARAMETERS};
pub use printed::Effect;
pub use refusal::{Cause, Place, Refusal};
pub use schema::Schema;
pub use script::statements;
pub use translator::Source;

pub(crate) use described::{Described, DescribedColumn};

use printed::Printed;
use refusal::Fault;
use translator::Translator;

/// The functions that translated statements call, by the version of the migration that makes them.
pub const FUNCTIONS: [&str; 2] = [
    include_str!("dialect/functions/0001.sql"),
    include_str!("dialect/functions/0002.sql"),
];

/// A statement for Postgres.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// What Postgres is told: one text, or for a change of the schema some of them, or none.
    pub texts: Vec<String>,
    /// The parameters `$1`, `$2`, … of the text.
    pub parameters: Vec<Parameter>,
    /// The columns that SQLite would return. Empty if it returns no rows.
    pub columns: Vec<Column>,
    /// What the statement does.
    pub effect: Effect,
    /// Whether Postgres returns one more column: the rowid of the inserted row, or `NULL` if the row was updated.
    pub has_rowid: bool,
    /// How many values SQLite would take.
    pub parameter_count: usize,
    /// Values, by SQLite's number, that must be `NULL` for this translation.
    only_null: Vec<usize>,
}

/// A parameter of a statement for Postgres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Where its value comes from.
    pub source: Source,
    /// The kind that it has, or is `NULL`.
    pub kind: Kind,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// As SQLite names it.
    pub name: String,
    /// The kind of its values; `None` if it differs from row to row, as a `terrace.value` says.
    pub kind: Option<Kind>,
}

impl Translated {
    /// Whether the text is right for values of these kinds; `None` is `NULL`. If not, the statement is translated again.
    #[must_use]
    pub fn accepts(&self, kinds: &[Option<Kind>]) -> bool {
        let given = |number: usize| kinds.get(number - 1).copied().flatten();
        let fits = |parameter: &Parameter| match parameter.source {
            Source::Given(number) => given(number).is_none_or(|kind| kind == parameter.kind),
            Source::LastInsertRowid | Source::Changes => true,
        };
        self.parameters.iter().all(fits) && self.only_null.iter().all(|at| given(*at).is_none())
    }
}

/// Translates one statement.
///
/// `kinds` are those of the values that come with it, by SQLite's numbers; `None` is `NULL` or not known. A kind that
/// is not known is taken from the column beside it ([`Translated::accepts`]).
///
/// # Errors
///
/// A refusal, if SQLite does not take the statement either, or if Postgres has nothing that gives the same answer.
pub fn translate(
    text: &str,
    schema: &Schema,
    kinds: &[Option<Kind>],
) -> Result<Translated, Refusal> {
    let fail = |fault: Box<Fault>| source::refusal(text, *fault);
    if text.contains(translator::MARK) {
        return Err(fail(Fault::impossible("a control letter in a statement")));
    }
    let (numbered, parameter_count) = numbering::numbered(text).map_err(fail)?;
    let arena = Bump::new();
    let command = parsed(text, &numbered, &arena)?;
    let mut translator = Translator::new(&numbered, schema, kinds);
    let printed = translator.command(&command).map_err(fail)?;
    // A parameter that took its kind from one place must have it in all places.
    if let Some(inferred) = translator.inferred(kinds) {
        let mut again = Translator::new(&numbered, schema, &inferred);
        match again.command(&command) {
            Ok(better) => {
                return Ok(finished(&again, better, parameter_count));
            }
            Err(_) => translator.forget_inferred(kinds),
        }
    }
    Ok(finished(&translator, printed, parameter_count))
}

fn finished(translator: &Translator<'_>, printed: Printed, parameter_count: usize) -> Translated {
    let (texts, order) = match &printed.texts[..] {
        [one] => {
            let (text, order) = translator.numbered(one);
            (vec![text], order)
        }
        _ => (printed.texts, Vec::new()),
    };
    let parameters = order.iter().filter_map(|at| {
        let used = &translator.parameters[*at];
        Some(Parameter {
            source: used.source.clone(),
            kind: used.kind?,
        })
    });
    let parameters = parameters.collect();
    let only_null = translator.parameters.iter();
    let only_null = only_null.filter(|used| used.kind.is_none());
    let only_null = only_null.filter_map(|used| match used.source {
        Source::Given(number) => Some(number),
        Source::LastInsertRowid | Source::Changes => None,
    });
    let columns = printed.fields.into_iter().map(|field| Column {
        name: field.shown,
        kind: field.ty.kind(),
    });
    Translated {
        texts,
        parameters,
        columns: columns.collect(),
        effect: printed.effect,
        has_rowid: printed.has_rowid,
        parameter_count,
        only_null: only_null.collect(),
    }
}

/// The one statement of a text.
fn parsed<'a>(text: &str, numbered: &'a str, arena: &'a Bump) -> Result<Cmd<'a>, Refusal> {
    let mut parser = Parser::new(arena, numbered.as_bytes());
    let wrong = |reason: String, offset: usize| Refusal {
        cause: Cause::Wrong,
        place: source::place(text, offset),
        reason,
        portable: None,
    };
    let command = parser.next().map_err(|error| unread(text, &error))?;
    let command = command.ok_or_else(|| wrong("no statement".to_owned(), 0))?;
    match parser.next() {
        Ok(None) => Ok(command),
        Ok(Some(_)) | Err(_) => {
            let reason = "there is more than one statement in the text".to_owned();
            Err(wrong(reason, text.len()))
        }
    }
}

fn unread(text: &str, error: &ParseError) -> Refusal {
    let place = match error {
        ParseError::ParserError(_, place)
        | ParseError::UnrecognizedToken(place)
        | ParseError::UnterminatedLiteral(place)
        | ParseError::UnterminatedBracket(place)
        | ParseError::UnterminatedBlockComment(place)
        | ParseError::BadVariableName(place)
        | ParseError::BadNumber(place)
        | ParseError::ExpectedEqualsSign(place)
        | ParseError::MalformedBlobLiteral(place)
        | ParseError::MalformedHexInteger(place) => place.as_ref(),
        _ => None,
    };
    let offset = place.map_or(0, |place| source::offset(text, place.line, place.column));
    let reason = match error {
        ParseError::ParserError(error, _) => error.to_string(),
        other => other.to_string(),
    };
    Refusal {
        cause: Cause::Wrong,
        place: source::place(text, offset),
        reason,
        portable: None,
    }
}

impl Schema {
    /// Changes the schema as a statement changes the database. A statement that changes no table is passed over.
    ///
    /// # Errors
    ///
    /// The refusal of [`translate`].
    pub fn apply(&mut self, text: &str) -> Result<(), Refusal> {
        let arena = Bump::new();
        let command = parsed(text, text, &arena)?;
        let Cmd::Stmt(statement) = command else {
            return Ok(());
        };
        let changed = tables::applied(self, text, &statement);
        *self = changed.map_err(|fault| source::refusal(text, *fault))?;
        Ok(())
    }
}
