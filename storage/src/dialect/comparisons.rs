//! Comparisons: `=`, `<`, `IS`, `BETWEEN`, `IN`, with SQLite's affinities and collations.

use super::convert;
use super::kind::{Affinity, Collation, Kind, Type};
use super::limits::LARGEST_EXACT_INTEGER;
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};
use super::translator::Translator;

/// An operator that compares two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Is,
    IsNot,
}

impl Compare {
    fn postgres(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Is => "IS NOT DISTINCT FROM",
            Self::IsNot => "IS DISTINCT FROM",
        }
    }

    /// The operator between two rows.
    pub(super) fn symbol(self) -> &'static str {
        self.postgres()
    }

    fn is_ordering(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }

    fn sees_null(self) -> bool {
        matches!(self, Self::Is | Self::IsNot)
    }
}

/// Both sides as they are compared.
struct Sides(Term, Term);

impl Translator<'_> {
    /// One comparison.
    pub(super) fn compared(&mut self, left: Term, operator: Compare, right: Term) -> Term {
        let nullable = !operator.sees_null() && (left.nullable || right.nullable);
        let collation = collation_of(&left, &right);
        let Sides(mut left, mut right) = with_affinity(left, right);
        match (left.kind(), right.kind()) {
            (Some(kind), None) => self.settle(&mut right, kind),
            (None, Some(kind)) => self.settle(&mut left, kind),
            _ => {}
        }
        if left.ty == Type::Null && right.ty == Type::Null {
            self.settle(&mut left, Kind::Text);
            self.settle(&mut right, Kind::Text);
        }
        left.collation = Some(collation);
        right.collation = Some(collation);
        Term::truth(compared_text(&left, operator, &right)).nullable(nullable)
    }

    /// `… IN (…, …)`: each member is compared with the affinity of the left side only.
    pub(super) fn in_list(&mut self, left: &Term, members: Vec<Term>, is_not: bool) -> Term {
        let (negation, empty) = if is_not {
            ("NOT ", "true")
        } else {
            ("", "false")
        };
        if members.is_empty() {
            return Term::truth(empty).nullable(false);
        }
        let nullable = left.nullable || members.iter().any(|member| member.nullable);
        if let Some(text) = self.plain_list(left, &members) {
            return Term::truth(format!("({negation}{text})")).nullable(nullable);
        }
        let texts: Vec<String> = members
            .into_iter()
            .map(|mut member| {
                member.affinity = Affinity::None;
                member.collation = None;
                self.compared(left.clone(), Compare::Equal, member).text
            })
            .collect();
        Term::truth(format!("({negation}({}))", texts.join(" OR "))).nullable(nullable)
    }

    /// A list whose members all have the kind of the left side, or take it.
    fn plain_list(&mut self, left: &Term, members: &[Term]) -> Option<String> {
        let kind = left.kind()?;
        let has_case = left.collation == Some(Collation::NoCase);
        let fits = |member: &Term| member.ty == Type::Null || member.is(kind);
        if has_case || !members.iter().all(fits) {
            return None;
        }
        let mut texts = Vec::with_capacity(members.len());
        for member in members {
            let mut member = member.clone();
            self.settle(&mut member, kind);
            texts.push(member.operand());
        }
        let left = match left.constant {
            Some(_) => left.value(),
            None => left.operand(),
        };
        Some(format!("{left} IN ({})", texts.join(", ")))
    }
}

impl Translator<'_> {
    /// The left side of `IN` and the column of the query after it, made comparable.
    pub(super) fn in_pair(&mut self, left: Term, column: Term) -> Option<(String, String)> {
        let collation = left.collation.unwrap_or_default();
        let Sides(mut left, mut column) = with_affinity(left, column);
        if let Some(kind) = column.kind() {
            self.settle(&mut left, kind);
        }
        if left.ty == Type::Null || column.ty == Type::Null {
            return None;
        }
        left.collation = Some(collation);
        column.collation = Some(collation);
        Some(if left.kind() == column.kind() && left.kind().is_some() {
            (left.grouped(), column.grouped())
        } else {
            (any_text(&left), any_text(&column))
        })
    }
}

fn collation_of(left: &Term, right: &Term) -> Collation {
    let written = [left, right].into_iter().find(|side| side.is_collated);
    let side = written.or_else(|| {
        [left, right]
            .into_iter()
            .find(|side| side.collation.is_some())
    });
    side.and_then(|side| side.collation).unwrap_or_default()
}

/// SQLite's rules for the operands of a comparison (<https://www.sqlite.org/datatype3.html>, section 4.2).
fn with_affinity(left: Term, right: Term) -> Sides {
    let (l, r) = (left.affinity, right.affinity);
    if l.is_numeric() && !r.is_numeric() {
        return Sides(left, convert::to_number_if_any(right));
    }
    if r.is_numeric() && !l.is_numeric() {
        return Sides(convert::to_number_if_any(left), right);
    }
    if l == Affinity::Text && r == Affinity::None {
        return Sides(left, with_text_affinity(right));
    }
    if r == Affinity::Text && l == Affinity::None {
        return Sides(with_text_affinity(left), right);
    }
    Sides(left, right)
}

/// A number becomes its text. Everything else stays.
fn with_text_affinity(term: Term) -> Term {
    let is_number = matches!(term.ty, Type::Truth | Type::Of(Kind::Integer | Kind::Real));
    match term.ty {
        Type::Any => Term::new(format!("terrace.number_as_text({})", term.text), Type::Any)
            .nullable(term.nullable),
        _ if is_number => convert::to_text(&term).unwrap_or(term),
        _ => term,
    }
}

fn compared_text(left: &Term, operator: Compare, right: &Term) -> String {
    let symbol = operator.postgres();
    match (left.kind(), right.kind()) {
        (Some(Kind::Text), Some(Kind::Text)) if operator.is_ordering() => {
            let (left, right) = ordered_pair(left, right);
            format!("({left} {symbol} {right})")
        }
        (Some(a), Some(b)) if a == b => {
            let (left, right) = pair(left, right);
            format!("({left} {symbol} {right})")
        }
        (Some(Kind::Integer), Some(Kind::Real)) | (Some(Kind::Real), Some(Kind::Integer)) => {
            mixed_numbers(left, operator, right)
        }
        _ => {
            let (left, right) = (any_text(left), any_text(right));
            format!("({left} {symbol} {right})")
        }
    }
}

/// The side as a value of any kind, whose text has no case where the collation says so.
fn any_text(term: &Term) -> String {
    let any = convert::to_any(term);
    match term.collation {
        Some(Collation::NoCase) => format!("terrace.nocase({})", any.text),
        _ => any.text,
    }
}

/// Both sides without a type where the other one has it. Two constants would have none.
fn pair(left: &Term, right: &Term) -> (String, String) {
    let is_constant = left.constant.is_some() && right.constant.is_some();
    let is_nocase = left.is(Kind::Text) && left.collation == Some(Collation::NoCase);
    if is_nocase {
        (left.grouped(), right.grouped())
    } else if is_constant {
        (left.value(), right.value())
    } else {
        (left.operand(), right.operand())
    }
}

/// One collation that is written decides for both sides, and one column that has it, too.
fn ordered_pair(left: &Term, right: &Term) -> (String, String) {
    let is_nocase = left.collation == Some(Collation::NoCase);
    if !is_nocase && (left.is_bytewise || right.is_bytewise) {
        return pair(left, right);
    }
    (left.ordered(), right.grouped())
}

/// An integer beside a real. Postgres would make the integer a real, which it is only up to a size.
fn mixed_numbers(left: &Term, operator: Compare, right: &Term) -> String {
    let symbol = operator.postgres();
    let is_exact = |term: &Term| match &term.constant {
        Some(Constant::Integer(_)) => term.exact_integer().is_some(),
        #[expect(clippy::cast_precision_loss, reason = "the limit is exact")]
        Some(Constant::Real(real)) => real.abs() < LARGEST_EXACT_INTEGER as f64,
        _ => term.ty == Type::Truth,
    };
    if is_exact(left) || is_exact(right) {
        let (left, right) = (as_real(left), as_real(right));
        return format!("({left} {symbol} {right})");
    }
    if operator.sees_null() {
        let (left, right) = (convert::to_any(left), convert::to_any(right));
        return format!("({} {symbol} {})", left.text, right.text);
    }
    let (left, right) = (left.value(), right.value());
    format!("(terrace.compared({left}, {right}) {symbol} 0)")
}

fn as_real(term: &Term) -> String {
    match &term.constant {
        #[expect(
            clippy::cast_precision_loss,
            reason = "only exact ones come here, or ones beside an exact one"
        )]
        Some(Constant::Integer(integer)) => Term::constant(Constant::Real(*integer as f64)).text,
        _ if term.is(Kind::Integer) => format!("({})::double precision", term.value()),
        _ => term.value(),
    }
}

/// The collation that is written at an expression.
pub(super) fn collation_named(name: &str) -> Outcome<Collation> {
    match name.to_ascii_lowercase().as_str() {
        "binary" => Ok(Collation::Binary),
        "nocase" => Ok(Collation::NoCase),
        "rtrim" => Err(Fault::refused(
            "Postgres has no collation that ignores spaces at the end",
            "rtrim(…)",
        )),
        other => Err(Fault::wrong(format!("no such collation sequence: {other}"))),
    }
}
