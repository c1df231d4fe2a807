//! The state of one translation: the schema, the parameters, and the scopes that an expression stands in.

use std::cell::OnceCell;
use std::collections::HashMap;

use sqlite3_parser::ast::fmt::ToTokens;

use super::kind::{Collation, Kind, Type};
use super::limits::{MAX_DEPTH, MAX_IDENTIFIER_BYTES};
use super::refusal::{Fault, Outcome, too_deep};
use super::schema::Schema;
use super::scope::{Bare, Field, Found, Item, Scope};
use super::source::{self, Token};
use super::term::Term;

/// A common table expression that queries can name.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
}

/// Where the value of a parameter of Postgres comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The value that came with the statement, by SQLite's number, from 1.
    Given(usize),
    /// What `last_insert_rowid()` says in the session.
    LastInsertRowid,
    /// What `changes()` says in the session.
    Changes,
}

/// A value from outside of the statement, and how it is used.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) source: Source,
    /// The kind of the value that was given, or that its place asks for.
    pub(super) kind: Option<Kind>,
}

/// The state of one translation.
pub(super) struct Translator<'t> {
    pub(super) text: &'t str,
    /// The tokens of the text, scanned when they are first asked for.
    tokens: OnceCell<Vec<Token>>,
    pub(super) schema: &'t Schema,
    /// The kinds of the values that come with the statement.
    given: &'t [Option<Kind>],
    pub(super) parameters: Vec<Use>,
    /// Where each given value stands among them, by its number.
    places: HashMap<usize, usize>,
    pub(super) scopes: Vec<Scope>,
    pub(super) commons: Vec<Common>,
    depth: usize,
    /// How many queries the printed part is inside of.
    pub(super) query_depth: usize,
    names_made: usize,
    /// The kinds that the next query's columns should have where they have none.
    pub(super) expected: Vec<Kind>,
    /// The table whose rows the statement changes while it reads.
    pub(super) changing: Option<String>,
    /// Whether a subquery read that table, and whether one named a column of the statement itself.
    pub(super) reads_changing: bool,
    pub(super) names_changing: bool,
    /// The first collation that is written inside of the expression that is printed.
    pub(super) collation_inside: Option<Collation>,
}

impl<'t> Translator<'t> {
    pub(super) fn new(text: &'t str, schema: &'t Schema, given: &'t [Option<Kind>]) -> Self {
        Self {
            text,
            tokens: OnceCell::new(),
            schema,
            given,
            parameters: Vec::new(),
            places: HashMap::new(),
            scopes: Vec::new(),
            commons: Vec::new(),
            depth: 0,
            query_depth: 0,
            names_made: 0,
            expected: Vec::new(),
            changing: None,
            reads_changing: false,
            names_changing: false,
            collation_inside: None,
        }
    }

    /// The text of a part as it stands in the statement.
    pub(super) fn text_of(&self, part: &impl ToTokens) -> String {
        let tokens = self.tokens.get_or_init(|| source::scan(self.text));
        source::text_of(self.text, tokens, part)
    }

    /// A name that no statement uses.
    pub(super) fn new_name(&mut self) -> String {
        self.names_made += 1;
        format!("terrace_{}", self.names_made)
    }

    /// Runs `work` one level deeper.
    pub(super) fn nested<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// Runs `work` inside of a scope, and gives the scope back.
    pub(super) fn within<T>(
        &mut self,
        scope: Scope,
        work: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<(T, Scope)> {
        self.scopes.push(scope);
        let result = work(self);
        let scope = self.scopes.pop().unwrap_or_default();
        Ok((result?, scope))
    }

    /// The scope of the innermost query.
    pub(super) fn scope(&mut self) -> Option<&mut Scope> {
        self.scopes.last_mut()
    }

    /// The parameter of that number; all have one ([`super::numbering`]).
    pub(super) fn parameter(&mut self, digits: &str) -> Outcome<Term> {
        let number = digits.trim_start_matches('?').parse();
        let number = number.map_err(|_| Fault::wrong(format!("?{digits} is not a parameter")))?;
        let at = self.parameter_index(number);
        let text = placeholder(at);
        let given = match self.parameters[at].source {
            Source::Given(number) => self.given.get(number - 1).copied().flatten(),
            _ => None,
        };
        let mut term = match given {
            Some(kind) => {
                self.parameters[at].kind = Some(kind);
                Term::of(text, kind)
            }
            None => Term::new(text, Type::Null),
        };
        if term.ty == Type::Null {
            term.parameter = Some(at);
        }
        Ok(term)
    }

    fn parameter_index(&mut self, number: usize) -> usize {
        let parameters = &mut self.parameters;
        *self.places.entry(number).or_insert_with(|| {
            parameters.push(Use {
                source: Source::Given(number),
                kind: None,
            });
            parameters.len() - 1
        })
    }

    /// An integer that the session knows.
    pub(super) fn session_value(&mut self, source: &Source) -> Term {
        let known = |used: &Use| used.source == *source;
        let at = self.parameters.iter().position(known).unwrap_or_else(|| {
            self.parameters.push(Use {
                source: source.clone(),
                kind: Some(Kind::Integer),
            });
            self.parameters.len() - 1
        });
        Term::of(placeholder(at), Kind::Integer).nullable(false)
    }

    /// Gives a parameter or a `NULL` of unknown kind the kind that its place asks for.
    pub(super) fn settle(&mut self, term: &mut Term, kind: Kind) {
        if term.ty != Type::Null {
            return;
        }
        if let Some(at) = term.parameter.take() {
            self.parameters[at].kind.get_or_insert(kind);
        }
        term.text = format!("{}::{}", term.text, kind.postgres());
        term.ty = Type::Of(kind);
    }

    /// Prints a part of a statement that changes the rows of a table one after the other. SQLite's subqueries see the
    /// rows that were changed already, those of Postgres see none of them.
    pub(super) fn while_changing<T>(
        &mut self,
        table: &str,
        needs_names: bool,
        work: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        self.changing = Some(table.to_owned());
        (self.reads_changing, self.names_changing) = (false, false);
        let result = work(self);
        self.changing = None;
        if self.reads_changing && (self.names_changing || !needs_names) {
            return Err(Fault::refused(
                format!("a subquery reads {table} while the statement changes it"),
                "two statements, or UPDATE … FROM (SELECT …)",
            ));
        }
        result
    }

    /// The kinds with those that were taken from the places of parameters; none if none was.
    pub(super) fn inferred(&self, given: &[Option<Kind>]) -> Option<Vec<Option<Kind>>> {
        let mut kinds = given.to_vec();
        let mut is_new = false;
        for used in &self.parameters {
            let Source::Given(number) = used.source else {
                continue;
            };
            if kinds.len() < number {
                kinds.resize(number, None);
            }
            let known = &mut kinds[number - 1];
            is_new |= known.is_none() && used.kind.is_some();
            *known = known.or(used.kind);
        }
        is_new.then_some(kinds)
    }

    /// Lets only `NULL` be given for a parameter whose kind was taken from a place.
    pub(super) fn forget_inferred(&mut self, given: &[Option<Kind>]) {
        for used in &mut self.parameters {
            if let Source::Given(number) = used.source {
                used.kind = given.get(number - 1).copied().flatten();
            }
        }
    }

    /// The column of that name, from the innermost scope outwards.
    pub(super) fn column(&mut self, table: Option<&str>, column: &str) -> Outcome<Option<Term>> {
        let inner = self.scopes.len().saturating_sub(1);
        for (depth, scope) in self.scopes.iter_mut().enumerate().rev() {
            match scope.find(table, column) {
                Found::Nothing => {}
                Found::Several => {
                    return Err(Fault::wrong(format!("ambiguous column name: {column}")));
                }
                Found::Alias(at) => {
                    return Ok(Some(scope.aliases[at].1.clone()));
                }
                Found::Field(item, field) => {
                    let field = &scope.items[item].fields[field];
                    let term = field.term();
                    self.names_changing |= depth == 0 && inner > 0;
                    if scope.aggregate_depth == 0 {
                        scope.bare.push(Bare {
                            text: term.text.clone(),
                            item,
                            shown: field.shown.clone(),
                        });
                    }
                    return Ok(Some(term));
                }
            }
        }
        Ok(None)
    }

    /// The table of that name as an item of `FROM`, and its name in Postgres.
    pub(super) fn table(&self, name: &str, alias: &str) -> Outcome<Item> {
        let table = self.schema.tables.get(name);
        let table = table.ok_or_else(|| Fault::unknown(format!("no such table: {name}")))?;
        Ok(Item::of_table(table, alias))
    }

    /// Puts the numbers of Postgres into a printed statement.
    pub(super) fn numbered(&self, printed: &str) -> (String, Vec<usize>) {
        let mut order: Vec<usize> = Vec::new();
        let mut numbers: HashMap<usize, usize> = HashMap::new();
        let mut text = String::with_capacity(printed.len());
        let mut rest = printed;
        while let Some((before, after)) = rest.split_once(MARK) {
            text.push_str(before);
            let (index, after) = after.split_once(MARK).unwrap_or((after, ""));
            let index: usize = index.parse().unwrap_or_default();
            rest = after;
            if self.parameters[index].kind.is_none() {
                text.push_str("NULL");
                continue;
            }
            let number = numbers.entry(index).or_insert_with(|| {
                order.push(index);
                order.len()
            });
            text.push_str(&format!("${number}"));
        }
        text.push_str(rest);
        (text, order)
    }
}

/// Stands on both sides of a parameter's index until its number is known. No statement has it outside of a string,
/// and strings with it are refused.
pub(super) const MARK: char = '\u{1}';

fn placeholder(at: usize) -> String {
    format!("{MARK}{at}{MARK}")
}

/// The identifier, if Postgres keeps all of it.
pub(super) fn checked_name(name: &str) -> Outcome<&str> {
    if name.len() > MAX_IDENTIFIER_BYTES {
        let reason = format!("the name {name:?} is longer than 63 bytes, where Postgres cuts it");
        return Err(Fault::refused(reason, "a shorter name"));
    }
    Ok(name)
}
