//! A printed expression, with all that the expression around it must know.

use super::kind::{Affinity, Collation, Kind, Type};
use super::limits::LARGEST_EXACT_INTEGER;
use super::names;
use super::refusal::{Fault, Outcome};

/// A constant, which can be converted while it is translated.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Integer(i64),
    Real(f64),
    Text(String),
}

/// A printed expression. The text binds more tightly than any operator.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// In Postgres. A constant is written bare, so that it takes the type of what it stands beside.
    pub(super) text: String,
    pub(super) ty: Type,
    pub(super) affinity: Affinity,
    /// Whether it may be `NULL`.
    pub(super) nullable: bool,
    /// Whether Postgres compares this text by bytes without being told.
    pub(super) is_bytewise: bool,
    pub(super) collation: Option<Collation>,
    /// Whether the collation was written at the expression.
    pub(super) is_collated: bool,
    /// Whether this text is JSON, which other JSON takes in as it is.
    pub(super) is_json: bool,
    pub(super) constant: Option<Constant>,
    /// The parameter that this is, if nothing has settled its kind.
    pub(super) parameter: Option<usize>,
}

impl Term {
    pub(super) fn new(text: impl Into<String>, ty: Type) -> Self {
        Self {
            text: text.into(),
            ty,
            affinity: Affinity::None,
            nullable: true,
            is_bytewise: false,
            collation: None,
            is_collated: false,
            is_json: false,
            constant: None,
            parameter: None,
        }
    }

    pub(super) fn of(text: impl Into<String>, kind: Kind) -> Self {
        Self::new(text, Type::Of(kind))
    }

    pub(super) fn truth(text: impl Into<String>) -> Self {
        Self::new(text, Type::Truth)
    }

    pub(super) fn null() -> Self {
        Self::new("NULL", Type::Null)
    }

    pub(super) fn constant(constant: Constant) -> Self {
        let mut term = match &constant {
            Constant::Integer(integer) => Self::of(integer_text(*integer), Kind::Integer),
            Constant::Real(real) => Self::of(format!("'{real:?}'::double precision"), Kind::Real),
            Constant::Text(text) => Self::of(names::string(text), Kind::Text),
        };
        term.nullable = false;
        term.constant = Some(constant);
        term
    }

    pub(super) fn nullable(mut self, nullable: bool) -> Self {
        self.nullable = nullable;
        self
    }

    pub(super) fn bytewise(mut self, is_bytewise: bool) -> Self {
        self.is_bytewise = is_bytewise;
        self
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.ty.kind()
    }

    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind() == Some(kind)
    }

    /// The text of a value whose type does not depend on what it stands beside.
    pub(super) fn value(&self) -> String {
        match (&self.ty, &self.constant) {
            (Type::Truth, _) => format!("({})::int::bigint", self.text),
            (Type::Null, _) => format!("{}::text", self.text),
            (_, Some(Constant::Integer(integer))) if *integer < 0 => {
                format!("'{integer}'::bigint")
            }
            (_, Some(Constant::Integer(_))) => format!("{}::bigint", self.text),
            (_, Some(Constant::Text(_))) => format!("{}::text", self.text),
            _ => self.text.clone(),
        }
    }

    /// The text of a value beside which another one has the type: constants stay bare.
    pub(super) fn operand(&self) -> String {
        match self.ty {
            Type::Truth => self.value(),
            _ => self.text.clone(),
        }
    }

    /// The text of a value by which rows are ordered or compared with `<`.
    pub(super) fn ordered(&self) -> String {
        match self.ty {
            Type::Any if self.collation == Some(Collation::NoCase) => {
                format!("terrace.nocase({})", self.text)
            }
            Type::Of(Kind::Text) if self.collation == Some(Collation::NoCase) => {
                format!("terrace.nocase({}) COLLATE \"C\"", self.value())
            }
            Type::Of(Kind::Text) if !self.is_bytewise => {
                format!("{} COLLATE \"C\"", self.value())
            }
            _ => self.value(),
        }
    }

    /// As [`Term::ordered`], of what is only asked whether it is the same.
    pub(super) fn grouped(&self) -> String {
        match self.collation {
            Some(Collation::NoCase) if self.is(Kind::Text) || self.ty == Type::Any => {
                format!("terrace.nocase({})", self.value())
            }
            _ => self.value(),
        }
    }

    /// Refuses an operand that is printed more than once, if each would be another value.
    pub(super) fn repeatable(&self) -> Outcome<()> {
        match self.text.contains("terrace.random") {
            false => Ok(()),
            true => Err(Fault::refused(
                "random() would be drawn more than once here",
                "a subquery in FROM that has random() as a column",
            )),
        }
    }

    /// Whether this is an integer constant that is also a real.
    pub(super) fn exact_integer(&self) -> Option<i64> {
        match self.constant {
            Some(Constant::Integer(integer)) if integer.abs() <= LARGEST_EXACT_INTEGER => {
                Some(integer)
            }
            _ => None,
        }
    }
}

fn integer_text(integer: i64) -> String {
    if integer < 0 {
        format!("({integer})")
    } else {
        integer.to_string()
    }
}
