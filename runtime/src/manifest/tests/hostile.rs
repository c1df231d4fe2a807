//! No input makes the reader panic.

use proptest::prelude::*;

use super::*;

/// Words that lead deep into the reader.
const WORDS: [&str; 24] = [
    "spin_manifest_version",
    "application",
    "trigger",
    "http",
    "component",
    "a",
    "source",
    "files",
    "variables",
    "tool",
    "terrace",
    "reuse",
    "=",
    "=",
    "2",
    "'{{ a }}'",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\n",
    ".",
];

fn read(text: String) {
    let source = Source {
        file: "/nowhere/spin.toml".into(),
        text,
    };
    if let Err(faults) = read::app(source, Artefacts::ToBeBuilt) {
        assert!(!faults.0.is_empty());
        assert!(!faults.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "(?s).*") {
        read(text);
    }

    #[test]
    fn any_words_of_a_manifest_get_an_answer(words in prop::collection::vec(prop::sample::select(&WORDS), 0..60)) {
        read(words.join(" "));
    }

    #[test]
    fn any_value_of_any_key_gets_an_answer(key in prop::sample::select(&WORDS[..12]), value in "[ -~]{0,12}") {
        read(format!("{HEAD}{HELLO}\n{key} = {value}\n[component.{key}]\n{key} = {value}\n[{key}]\n{key} = '{value}'"));
    }
}
