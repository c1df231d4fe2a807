//! What faults look like and how near words must be to be suggested.

use super::*;

fn sample() -> Fault {
    let source = Source {
        file: "spin.toml".into(),
        text: "[[trigger.http]]\n\trout = \"/x\"\n".into(),
    };
    let reason = Reason::new("unknown key `rout`").help("did you mean `route`?");
    source.fault(&(18..22), reason)
}

#[test]
fn a_fault_shows_its_place_the_line_a_mark_and_the_help() {
    let text = Faults::from(sample()).to_string();
    let expected = "spin.toml:2:2: unknown key `rout`\n  2 | \trout = \"/x\"\n    | \t^^^^\n    help: did you mean `route`?";
    assert_eq!(text, expected);
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let faults = Faults::from(sample());
    assert!(faults.styled(Style::Coloured).to_string().contains('\x1b'));
    assert!(!faults.styled(Style::Plain).to_string().contains('\x1b'));
}

#[test]
fn escape_sequences_of_a_file_do_not_reach_the_terminal() {
    let source = Source {
        file: "spin.toml".into(),
        text: "a\x1b[2Jb".into(),
    };
    let text = Faults::from(source.fault(&(0..1), "bad")).to_string();
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn json_has_the_line_and_the_column_beside_the_message() {
    let json = serde_json::to_value(Faults::from(sample())).unwrap();
    let expected = serde_json::json!([{
        "file": "spin.toml", "line": 2, "column": 2,
        "message": "unknown key `rout`", "suggestion": "did you mean `route`?",
    }]);
    assert_eq!(json, expected);
}

#[test]
fn a_fault_without_a_place_names_only_the_file() {
    let faults = Faults::from(Fault::new("--variable", "no `=`"));
    assert_eq!(faults.to_string(), "--variable: no `=`");
}

#[test]
fn faults_come_in_the_order_of_their_places() {
    let source = Source {
        file: "spin.toml".into(),
        text: "a\nb\n".into(),
    };
    let faults = Faults(vec![source.fault(&(2..3), "b"), source.fault(&(0..1), "a")]);
    let Err(Faults(sorted)) = faults.or(()) else {
        panic!("two faults are an error");
    };
    assert_eq!((&*sorted[0].message, &*sorted[1].message), ("a", "b"));
}

#[test]
fn columns_count_characters() {
    let source = Source {
        file: "f".into(),
        text: "é = 1".into(),
    };
    assert_eq!(source.position(&(3..4)).column, 3);
}

#[test]
fn any_span_has_a_position() {
    let source = Source {
        file: "f".into(),
        text: "é\r\nzwei\n".into(),
    };
    for start in 0..12 {
        for end in 0..12 {
            let position = source.position(&(start..end));
            assert!(position.line >= 1 && position.column >= 1 && position.width >= 1);
        }
    }
}

#[test]
fn only_near_words_are_suggested() {
    let known = ["route", "component"];
    assert_eq!(nearest("rout", known), Some("route"));
    assert_eq!(nearest("componnent", known), Some("component"));
    assert_eq!(nearest("body", known), None);
    assert_eq!(nearest("b", ["a"]), None);
    assert_eq!(
        did_you_mean("body", &known, "keys"),
        "the keys are `route`, `component`"
    );
}
