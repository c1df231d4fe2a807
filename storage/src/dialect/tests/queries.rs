//! Makes queries over the tables of a case.

use super::dice::Dice;
use super::expressions::Maker;
use super::statements::{KINDS, Statement, finish, maker, names_of};
use super::tables::Table;
use crate::dialect::Kind;

/// An order over all columns of a result, so that rows have one order.
fn order(maker: &mut Maker<'_, '_>, width: usize) -> (String, bool) {
    if maker.dice.below(3) == 0 {
        return (String::new(), false);
    }
    let terms = (1..=width).map(|at| {
        let direction = maker
            .dice
            .one_of(&["", " DESC", " ASC NULLS LAST", " DESC NULLS FIRST"]);
        format!("{at}{direction}")
    });
    let mut text = format!(" ORDER BY {}", terms.collect::<Vec<_>>().join(", "));
    if maker.dice.below(2) == 1 {
        text.push_str(&format!(
            " LIMIT {}",
            maker.dice.one_of(&["3", "1", "-1", "0"])
        ));
        text.push_str(maker.dice.one_of(&["", " OFFSET 1", " OFFSET -2"]));
    }
    (text, true)
}

fn columns(maker: &mut Maker<'_, '_>, count: usize) -> String {
    let columns: Vec<String> = (0..count)
        .map(|at| {
            let kind = KINDS[maker.dice.below(4)];
            format!("{} AS c{at}", maker.expression(kind, 2))
        })
        .collect();
    columns.join(", ")
}

pub(super) fn simple(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let count = 1 + maker.dice.below(3);
    let distinct = maker.dice.one_of(&["", "DISTINCT "]);
    let columns = columns(&mut maker, count);
    let condition = maker.condition(3);
    let (order, is_ordered) = order(&mut maker, count);
    let text = format!(
        "SELECT {distinct}{columns} FROM {} AS a WHERE {condition}{order}",
        table.name
    );
    finish(maker, text, is_ordered)
}

pub(super) fn joined(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let other = &tables[dice.below(tables.len())];
    let mut names = names_of(table, "a");
    names.extend(names_of(other, "b"));
    let mut maker = maker(dice, names, tables);
    let word = maker
        .dice
        .one_of(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "INNER JOIN"]);
    let on = match (word, maker.dice.below(2)) {
        ("FULL JOIN", _) | (_, 0) => "a.id = b.id".to_owned(),
        _ => maker.condition(1),
    };
    let count = 1 + maker.dice.below(3);
    let columns = columns(&mut maker, count);
    let condition = maker.condition(1);
    let (order, is_ordered) = order(&mut maker, count);
    let (left, right) = (&table.name, &other.name);
    let text =
        format!("SELECT {columns} FROM {left} a {word} {right} b ON {on} WHERE {condition}{order}");
    finish(maker, text, is_ordered)
}

pub(super) fn grouped(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let kind = KINDS[maker.dice.below(4)];
    let key = maker.expression(kind, 1);
    let mut parts = vec![format!("{key} AS k")];
    for at in 0..1 + maker.dice.below(3) {
        let kind = KINDS[maker.dice.below(3)];
        let argument = maker.expression(kind, 1);
        let number = maker.expression(Kind::Integer, 1);
        let real = maker.names.iter().find(|name| name.kind == Kind::Real);
        let real = real.map_or_else(|| "1.5".to_owned(), |name| name.text.clone());
        let call = match maker.dice.below(12) {
            0 => "count(*)".to_owned(),
            1 => format!("count({argument})"),
            2 => format!("count(DISTINCT {argument})"),
            3 => format!("sum({number})"),
            4 => format!("avg({number})"),
            5 => format!("min({argument})"),
            6 => format!("max({argument})"),
            7 => format!("total({number})"),
            8 => format!("group_concat({argument}, '-' ORDER BY a.id)"),
            9 => format!("count(*) FILTER (WHERE {})", maker.condition(1)),
            10 => format!("sum({real})"),
            _ => format!("json_group_array({argument} ORDER BY a.id)"),
        };
        parts.push(format!("{call} AS s{at}"));
    }
    let having = match maker.dice.below(3) {
        1 => " HAVING count(*) > 1".to_owned(),
        2 => format!(" HAVING max({}) > 0", maker.expression(Kind::Integer, 1)),
        _ => String::new(),
    };
    let group = maker.dice.one_of(&["k", "1"]);
    let group = if maker.dice.below(2) == 0 {
        group.to_owned()
    } else {
        key
    };
    let (order, is_ordered) = order(&mut maker, parts.len());
    let text = format!(
        "SELECT {} FROM {} a GROUP BY {group}{having}{order}",
        parts.join(", "),
        table.name
    );
    finish(maker, text, is_ordered)
}

pub(super) fn compound(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let kinds: Vec<Kind> = (0..1 + maker.dice.below(2))
        .map(|_| KINDS[maker.dice.below(4)])
        .collect();
    let mut text = String::new();
    for arm in 0..2 + maker.dice.below(2) {
        if arm > 0 {
            text.push_str(maker.dice.one_of(&[
                " UNION ALL ",
                " UNION ",
                " EXCEPT ",
                " INTERSECT ",
            ]));
        }
        let columns: Vec<String> = kinds
            .iter()
            .map(|kind| maker.expression(*kind, 1))
            .collect();
        text.push_str(&format!(
            "SELECT {} FROM {} a",
            columns.join(", "),
            table.name
        ));
    }
    let (order, is_ordered) = order(&mut maker, kinds.len());
    text.push_str(&order);
    finish(maker, text, is_ordered)
}

pub(super) fn with(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let text = match maker.dice.below(3) {
        0 => {
            let value = maker.expression(Kind::Text, 1);
            format!(
                "WITH w(n, v) AS (SELECT a.id, {value} FROM {} a) SELECT n, v FROM w WHERE n < 5 ORDER BY n, v",
                table.name
            )
        }
        1 => {
            let step = maker.dice.one_of(&["n + 1", "n * 2", "n + 3"]);
            format!(
                "WITH RECURSIVE w(n) AS (SELECT 1 UNION ALL SELECT {step} FROM w WHERE n < 20) SELECT n FROM w ORDER BY n"
            )
        }
        _ => {
            let value = maker.expression(Kind::Integer, 1);
            format!(
                "SELECT q.x, q.y FROM (SELECT a.id AS x, {value} AS y FROM {} a) q ORDER BY x, y",
                table.name
            )
        }
    };
    finish(maker, text, true)
}

pub(super) fn window(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let partition = maker
        .dice
        .one_of(&["", "PARTITION BY a.id % 2 ", "PARTITION BY a.id > 3 "]);
    let frame = maker.dice.one_of(&[
        "",
        " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
        " ROWS UNBOUNDED PRECEDING",
        " GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING EXCLUDE CURRENT ROW",
    ]);
    let number = maker.expression(Kind::Integer, 1);
    let kind = KINDS[maker.dice.below(3)];
    let value = maker.expression(kind, 1);
    let call = match maker.dice.below(9) {
        0 => "row_number()".to_owned(),
        1 => "rank()".to_owned(),
        2 => format!("lag({value})"),
        3 => format!("lead({number}, 2, 0)"),
        4 => format!("first_value({value})"),
        5 => format!("sum({number})"),
        6 => "ntile(3)".to_owned(),
        7 => format!("max({value})"),
        _ => "count(*)".to_owned(),
    };
    let text = format!(
        "SELECT a.id, {call} OVER ({partition}ORDER BY a.id DESC{frame}) AS w FROM {} a ORDER BY a.id",
        table.name
    );
    finish(maker, text, true)
}

pub(super) fn mixed(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let value = maker.mixed(1);
    let text = match maker.dice.below(4) {
        0 => format!("SELECT {value} AS v FROM {} a ORDER BY a.id", table.name),
        1 => format!(
            "SELECT a.id, {value} AS v FROM {} a ORDER BY v, a.id",
            table.name
        ),
        2 => format!(
            "SELECT a.id FROM {} a WHERE {value} > {} ORDER BY a.id",
            table.name,
            maker.any(1)
        ),
        _ => format!(
            "SELECT {value} AS v, count(*) FROM {} a GROUP BY v",
            table.name
        ),
    };
    let is_ordered = text.contains("ORDER BY");
    finish(maker, text, is_ordered)
}

/// Rows beside rows, rows of JSON, and an update from another table.
pub(super) fn rows(dice: &mut Dice<'_>, tables: &[Table], table: &Table) -> Statement {
    let mut maker = maker(dice, names_of(table, "a"), tables);
    let name = &table.name;
    let (number, text) = (
        maker.constant(Kind::Integer),
        maker.expression(Kind::Text, 1),
    );
    let text = match maker.dice.below(9) {
        0 => format!("SELECT a.id FROM {name} a WHERE (a.id, {text}) > ({number}, 'a') ORDER BY a.id"),
        1 => "SELECT j.key, j.value, type FROM json_each('[1, 2.5, \"x\", null, [3]]') j ORDER BY key".to_owned(),
        2 => format!("SELECT a.id FROM {name} a WHERE a.id IN (SELECT value FROM json_each('[1,3,\"5\"]')) ORDER BY id"),
        3 => format!("UPDATE {name} SET id = id FROM (SELECT 1 AS one) AS o WHERE {name}.id = o.one RETURNING {name}.id"),
        4 => format!("SELECT rowid FROM {name} WHERE rowid < {number} ORDER BY 1"),
        5 => format!("SELECT count(*), max(id) FROM {name} NATURAL JOIN (SELECT id FROM {name} WHERE id > {number})"),
        6 => format!("SELECT id FROM {name} JOIN (SELECT id, 1 AS one FROM {name}) USING (id) ORDER BY id"),
        7 => format!("SELECT a.id, w FROM (SELECT id, sum(id) OVER win AS w FROM {name} WINDOW win AS (ORDER BY id)) a ORDER BY 1"),
        _ => format!("VALUES ({number}, {}), (2, NULL)", maker.constant(Kind::Text)),
    };
    let is_ordered = text.contains("ORDER BY");
    finish(maker, text, is_ordered)
}
