//! Makes expressions of a wanted kind over the columns in scope.

use super::dice::Dice;
use crate::dialect::Kind;
use crate::sql::Value;

/// Texts that look alike to one engine and not to the other.
const TEXTS: [&str; 20] = [
    "a",
    "",
    "A",
    "abc",
    "ABC",
    "b",
    "Zoe",
    "é",
    "É",
    "ab%",
    "a_c",
    "12",
    "1.5",
    " x ",
    "it's",
    "2024-02-29",
    "-3",
    "a\\b",
    "ß",
    "~",
];

/// Integers around which engines differ.
const INTEGERS: [i64; 16] = [
    0,
    1,
    2,
    3,
    -1,
    5,
    7,
    10,
    -7,
    100,
    4,
    6,
    2_000_000_000,
    4_000_000_000,
    -2,
    63,
];

/// Reals, most of which add up exactly.
const REALS: [f64; 12] = [
    0.0, 0.5, 1.0, -0.25, 2.5, 1.5, -3.75, 100.25, 0.1, 1e10, 3.0, 0.3,
];

const BLOBS: [&[u8]; 5] = [b"", b"a", b"\0\xff", b"abc", b"\x80"];

/// A column that an expression can name.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// Makes expressions. The values of its parameters are collected.
pub(super) struct Maker<'d, 'n> {
    pub(super) dice: &'d mut Dice<'n>,
    pub(super) names: Vec<Name>,
    pub(super) values: Vec<Value>,
    /// Tables that a subquery can read, as `FROM` and a column of integers.
    pub(super) sources: Vec<(String, String)>,
}

impl Maker<'_, '_> {
    pub(super) fn value(&mut self, kind: Kind) -> Value {
        let dice = &mut self.dice;
        match kind {
            Kind::Integer => Value::Integer(INTEGERS[dice.below(INTEGERS.len())]),
            Kind::Real => Value::Real(REALS[dice.below(REALS.len())]),
            Kind::Text => Value::Text(TEXTS[dice.below(TEXTS.len())].to_owned()),
            Kind::Blob => Value::Blob(BLOBS[dice.below(BLOBS.len())].to_vec()),
        }
    }

    /// A constant, as a literal or as a parameter.
    pub(super) fn constant(&mut self, kind: Kind) -> String {
        let value = self.value(kind);
        if self.dice.rarely(3) {
            let value = if self.dice.rarely(8) {
                Value::Null
            } else {
                value
            };
            self.values.push(value);
            return format!("?{}", self.values.len());
        }
        literal(&value)
    }

    fn column(&mut self, kind: Kind) -> Option<String> {
        let fitting: Vec<&Name> = self.names.iter().filter(|name| name.kind == kind).collect();
        let at = self.dice.below(fitting.len().max(1));
        fitting.get(at).map(|name| name.text.clone())
    }

    fn atom(&mut self, kind: Kind) -> String {
        if self.dice.rarely(4) {
            return self.constant(kind);
        }
        match self.column(kind) {
            Some(column) => column,
            None => self.constant(kind),
        }
    }

    /// An expression of that kind.
    pub(super) fn expression(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 || self.dice.below(3) == 0 {
            return self.atom(kind);
        }
        let depth = depth - 1;
        if self.dice.rarely(6) {
            return self.choice(kind, depth);
        }
        match kind {
            Kind::Integer => self.integer(depth),
            Kind::Real => self.real(depth),
            Kind::Text => self.text(depth),
            Kind::Blob => self.blob(depth),
        }
    }

    fn choice(&mut self, kind: Kind, depth: usize) -> String {
        let (a, b) = (self.expression(kind, depth), self.expression(kind, depth));
        match self.dice.below(7) {
            0 => format!("coalesce({a}, {b})"),
            1 => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.condition(depth)),
            2 => format!("iif({}, {a}, {b})", self.condition(depth)),
            3 => format!("nullif({a}, {b})"),
            4 => format!("ifnull({a}, {b})"),
            5 => format!("{}({a}, {b})", self.dice.one_of(&["min", "max"])),
            _ => format!("CASE {a} WHEN {b} THEN {b} END"),
        }
    }

    fn integer(&mut self, depth: usize) -> String {
        let a = self.expression(Kind::Integer, depth);
        match self.dice.below(16) {
            0 => format!("{a} + {}", self.expression(Kind::Integer, depth)),
            1 => format!("{a} - {}", self.expression(Kind::Integer, depth)),
            2 => format!("({a}) / {}", self.expression(Kind::Integer, depth)),
            3 => format!("({a}) % ({})", self.expression(Kind::Integer, depth)),
            4 => format!("-({a})"),
            5 => format!("length({})", self.expression(Kind::Text, depth)),
            6 => format!("({})", self.condition(depth)),
            7 => format!("abs({a})"),
            8 => {
                let whole = self.expression(Kind::Text, depth);
                format!("instr({whole}, {})", self.expression(Kind::Text, depth))
            }
            9 => format!("CAST({} AS INTEGER)", self.any(depth)),
            10 => format!("({a}) & {}", self.expression(Kind::Integer, depth)),
            11 => format!(
                "({a}) << {}",
                self.dice.one_of(&["1", "2", "-1", "64", "0"])
            ),
            12 => format!("~({a})"),
            13 => format!("unicode({})", self.expression(Kind::Text, depth)),
            14 => self.subquery(),
            _ => format!("unixepoch({})", self.time()),
        }
    }

    fn subquery(&mut self) -> String {
        let Some((from, column)) = self.source() else {
            return "1".to_owned();
        };
        let function = self.dice.one_of(&["count", "max", "min", "sum"]);
        let outer = self.column(Kind::Integer).unwrap_or_else(|| "1".to_owned());
        format!("(SELECT {function}({column}) FROM {from} WHERE {column} <= {outer})")
    }

    fn source(&mut self) -> Option<(String, String)> {
        let at = self.dice.below(self.sources.len().max(1));
        self.sources.get(at).cloned()
    }

    fn real(&mut self, depth: usize) -> String {
        let a = self.expression(Kind::Real, depth);
        match self.dice.below(8) {
            0 => format!("{a} + {}", self.expression(Kind::Real, depth)),
            1 => format!("{a} * {}", self.expression(Kind::Integer, depth)),
            2 => format!("({a}) / ({})", self.expression(Kind::Real, depth)),
            3 => format!("round({a}, {})", self.dice.one_of(&["0", "1", "2"])),
            4 => format!("CAST({} AS REAL)", self.any(depth)),
            5 => format!("abs({a})"),
            6 => format!("-({a})"),
            _ => format!("julianday({})", self.time()),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let a = self.expression(Kind::Text, depth);
        match self.dice.below(18) {
            0 => format!("{a} || {}", self.expression(Kind::Text, depth)),
            1 => format!(
                "{}({a})",
                self.dice
                    .one_of(&["upper", "lower", "trim", "ltrim", "rtrim"])
            ),
            2 => {
                let start = self.dice.one_of(&["1", "2", "0", "-2", "-5"]);
                format!(
                    "substr({a}, {start}, {})",
                    self.dice.one_of(&["1", "2", "0", "-1", "9"])
                )
            }
            3 => format!("substr({a}, {})", self.expression(Kind::Integer, 0)),
            4 => {
                let part = self.expression(Kind::Text, depth);
                format!(
                    "replace({a}, {part}, {})",
                    self.dice.one_of(&["''", "'x'", "'ab'"])
                )
            }
            5 => format!("typeof({})", self.any(depth)),
            6 => format!("hex({})", self.expression(Kind::Blob, depth)),
            7 => format!("CAST({} AS TEXT)", self.expression(Kind::Integer, depth)),
            8 => format!("{a} || {}", self.expression(Kind::Integer, 0)),
            9 => format!("quote({a})"),
            10 => format!("date({})", self.time()),
            11 => format!("datetime({})", self.time()),
            12 => format!("strftime('%Y-%m-%d %H:%M:%S %j %w %s', {})", self.time()),
            13 => format!(
                "printf('%05d|%-6s|%.2f', {}, {a}, {})",
                self.expression(Kind::Integer, 0),
                self.expression(Kind::Real, 0)
            ),
            14 => format!(
                "json_object('a', {a}, 'b', {})",
                self.expression(Kind::Integer, depth)
            ),
            15 => format!(
                "json_array({a}, {}) -> 1",
                self.expression(Kind::Integer, depth)
            ),
            16 => format!("CAST({} AS TEXT)", self.expression(Kind::Real, depth)),
            _ => format!("trim({a}, {})", self.dice.one_of(&["'a'", "'ab '", "''"])),
        }
    }

    fn blob(&mut self, depth: usize) -> String {
        match self.dice.below(3) {
            0 => format!("CAST({} AS BLOB)", self.expression(Kind::Text, depth)),
            1 => format!("substr({}, 2, 1)", self.expression(Kind::Blob, depth)),
            _ => "zeroblob(2)".to_owned(),
        }
    }

    fn time(&mut self) -> String {
        let time = self.dice.one_of(&[
            "'2024-02-29'",
            "'2024-02-29 23:59:59.5'",
            "'1969-12-31T00:00Z'",
            "'12:30'",
            "'2023-03-31 10:00:00+02:00'",
            "2460000.25",
            "'garbage'",
            "NULL",
            "'0000-01-01'",
            "'9999-12-31 23:59:59'",
        ]);
        let mut text = time.to_owned();
        for _ in 0..self.dice.below(3) {
            let modifier = self.dice.one_of(&[
                "'+1 day'",
                "'-1 month'",
                "'start of month'",
                "'+1.5 hours'",
                "'weekday 1'",
                "'start of year'",
                "'-12 years'",
                "'+90 minutes'",
                "'+00:30'",
                "'start of day'",
                "'+1 month'",
                "'nonsense'",
            ]);
            text.push_str(&format!(", {modifier}"));
        }
        text
    }

    /// An expression of some kind.
    pub(super) fn any(&mut self, depth: usize) -> String {
        let kind = [Kind::Integer, Kind::Text, Kind::Real, Kind::Blob][self.dice.below(4)];
        self.expression(kind, depth)
    }

    /// An expression whose kind differs from row to row.
    pub(super) fn mixed(&mut self, depth: usize) -> String {
        let (a, b) = (self.any(depth), self.any(depth));
        match self.dice.below(3) {
            0 => format!("coalesce({a}, {b})"),
            1 => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.condition(depth)),
            _ => {
                let text = self.expression(Kind::Text, depth);
                format!("json_object('k', {text}) ->> '$.k'")
            }
        }
    }

    /// An expression that `WHERE` reads.
    pub(super) fn condition(&mut self, depth: usize) -> String {
        if depth == 0 || self.dice.below(3) == 0 {
            return self.comparison(0);
        }
        let depth = depth - 1;
        let a = self.condition(depth);
        match self.dice.below(8) {
            0 => format!("({a} AND {})", self.condition(depth)),
            1 => format!("({a} OR {})", self.condition(depth)),
            2 => format!("NOT ({a})"),
            3 => format!("({a}) = ({})", self.condition(depth)),
            4 => self.expression(Kind::Integer, depth),
            5 => format!("({a}) IS TRUE"),
            6 => self.membership(depth),
            _ => self.comparison(depth),
        }
    }

    fn comparison(&mut self, depth: usize) -> String {
        let kind = [Kind::Integer, Kind::Text, Kind::Real, Kind::Blob][self.dice.below(4)];
        let a = self.expression(kind, depth);
        let other = if self.dice.rarely(5) {
            [Kind::Integer, Kind::Text, Kind::Real][self.dice.below(3)]
        } else {
            kind
        };
        let operator = self
            .dice
            .one_of(&["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT", "=="]);
        let plain = format!("{a} {operator} {}", self.expression(other, depth));
        match (self.dice.below(8), kind) {
            (1, _) => format!("({a}) IS NULL"),
            (2, _) => format!("({a}) NOTNULL"),
            (3, _) => {
                let from = self.expression(kind, 0);
                format!("({a}) BETWEEN {from} AND {}", self.expression(kind, 0))
            }
            (4, Kind::Text) => {
                format!(
                    "({a}) LIKE {}",
                    self.dice.one_of(&["'a%'", "'%B%'", "'_'", "'%É%'", "''"])
                )
            }
            (5, Kind::Text) => {
                format!(
                    "({a}) GLOB {}",
                    self.dice
                        .one_of(&["'a*'", "'[a-z]*'", "'?'", "'*[^a]'", "'A'"])
                )
            }
            (6, Kind::Text) => format!("({a}) = {} COLLATE NOCASE", self.expression(kind, 0)),
            _ => format!("({plain})"),
        }
    }

    fn membership(&mut self, depth: usize) -> String {
        let kind = [Kind::Integer, Kind::Text, Kind::Real][self.dice.below(3)];
        let a = self.expression(kind, depth);
        let not = self.dice.one_of(&["", "NOT "]);
        if let (Some((from, column)), true) = (self.source(), self.dice.rarely(3)) {
            return format!("{a} {not}IN (SELECT {column} FROM {from})");
        }
        let members: Vec<String> = (0..self.dice.below(4))
            .map(|_| self.constant(kind))
            .collect();
        format!("({a}) {not}IN ({})", members.join(", "))
    }
}

/// A value as SQLite reads it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => format!("{real:?}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Blob(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }
        Value::Null => "NULL".to_owned(),
    }
}
