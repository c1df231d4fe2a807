//! Reading TOML key by key: places, types and unknown keys.

use super::*;

/// What reading `text` with `read` reports, one fault a line.
fn check(text: &str, read: impl FnOnce(Table<'_>)) -> Vec<String> {
    let document = Document::new(Source {
        file: "f.toml".into(),
        text: text.into(),
    });
    match document.parse() {
        Ok(parsed) => read(document.root(&parsed)),
        Err(faults) => return lines(faults),
    }
    lines(document.take_faults())
}

fn lines(faults: Faults) -> Vec<String> {
    let line = |fault: Fault| {
        let position = fault.position.expect("every fault here has a place");
        let help = fault.suggestion.unwrap_or_default();
        format!(
            "{}:{} {} {help}",
            position.line, position.column, fault.message
        )
    };
    faults.0.into_iter().map(line).collect()
}

#[test]
fn a_key_that_nobody_asked_for_is_a_fault_with_the_nearest_known_one() {
    let found = check("name = 'a'\nversoin = '1'\n", |table| {
        table.string("name");
        table.string("version");
        table.finish();
    });
    assert_eq!(
        found,
        ["2:1 unknown key `versoin` in the file did you mean `version`?"]
    );
}

#[test]
fn each_wrong_type_is_reported_where_it_stands() {
    let found = check("s = 1\nb = 's'\nn = []\nt = 1.5\nl = 1979-05-27", |table| {
        table.string("s");
        table.boolean("b");
        table.get("n").and_then(|value| value.number(0, 9));
        table.table("t", "[t]");
        table.strings("l");
    });
    assert_eq!(
        found,
        [
            "1:5 `s` in the file must be a string, found a whole number ",
            "2:5 `b` in the file must be `true` or `false`, found a string ",
            "3:5 `n` in the file must be a whole number, found a list ",
            "4:5 `t` in the file must be a table, found a fraction ",
            "5:5 `l` in the file must be a list, found a date ",
        ]
    );
}

#[test]
fn a_number_in_place_of_text_comes_with_how_the_text_is_written() {
    let found = check("timeout = 30", |table| {
        table.parsed("timeout", crate::units::duration);
    });
    let help = "write a whole number above zero and a unit: `250ms`, `30s`, `5m` or `1h`";
    assert_eq!(found, [format!("1:11 `30` is not a duration {help}")]);
    let found = check("name = 30", |table| {
        table.parsed("name", |name| Ok(name.to_owned()));
    });
    assert_eq!(
        found,
        ["1:8 `name` in the file must be a string, found a whole number "]
    );
}

#[test]
fn numbers_outside_their_range_are_reported() {
    let read = |table: Table<'_>| {
        table.get("n").and_then(|value| value.number(1, 10));
    };
    assert!(check("n = 0xA", read).is_empty());
    for number in ["0", "11", "-1", "99999999999999999999999"] {
        assert_eq!(check(&format!("n = {number}"), read).len(), 1, "{number}");
    }
}

#[test]
fn a_missing_key_is_reported_at_its_table() {
    let found = check("[a]\nb = 1\n", |table| {
        let inner = table.table("a", "[a]").expect("it is there");
        inner.required("source", "add it");
    });
    assert_eq!(found, ["1:1 `source` is missing in [a] add it"]);
}

#[test]
fn all_faults_of_syntax_come_at_once() {
    let found = check("a = \nb = 1\nc = {\n", |_| ());
    assert!(found.len() >= 2, "{found:?}");
    assert!(found.iter().all(|line| line.contains("not TOML")));
}

#[test]
fn entries_come_in_the_order_of_the_file() {
    check("z = 'a'\nb = 'a'\n", |table| {
        let keys: Vec<_> = table.entries().iter().map(Value::key).collect();
        assert_eq!(keys, ["z", "b"]);
        table.finish();
    });
}
