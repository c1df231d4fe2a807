//! Checks the name of a new project. A crate, a component and the app get this name, so it must be valid for all three.

use crate::cli::limits::MAX_NAME_BYTES;
use crate::fault::Reason;

/// Names that Rust or cargo reserve: the words of the language, and the crates that are always there.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "proc-macro", "pub", "ref", "return", "self",
    "static", "std", "struct", "super", "terrace-sdk", "test", "trait", "true", "try", "type", "typeof", "unsafe",
    "unsized", "use", "virtual", "where", "while", "yield",
];

/// Checks a project's name.
///
/// # Errors
/// Why the name is not valid.
pub(super) fn check(name: &str) -> Result<(), Reason> {
    if !is_words(name) {
        let message = format!("`{name}` cannot be a project's name");
        let mut help = "names are lower-case words of letters and digits joined by `-`".to_owned();
        if let Some(near) = corrected(name) {
            help = format!("{help}, such as `{near}`");
        }
        return Err(Reason::new(message).help(help));
    }
    if name.len() > MAX_NAME_BYTES {
        let help = format!("use at most {MAX_NAME_BYTES} letters");
        return Err(Reason::new("the name is too long").help(help));
    }
    if RESERVED.contains(&name) {
        let message = format!("`{name}` means something else to Rust");
        let help = format!("choose another name, such as `my-{name}`");
        return Err(Reason::new(message).help(help));
    }
    Ok(())
}

fn is_words(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let word = |word: &str| !word.is_empty() && word.bytes().all(allowed);
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(word)
}

/// The nearest valid name, if there is one.
fn corrected(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    Some(words.join("-")).filter(|name| is_words(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_joined_by_dashes() {
        for name in ["shop", "user-api", "a", "v2", "user-api-2", &"a".repeat(63)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "2shop",
            "-shop",
            "shop-",
            "a--b",
            "Shop",
            "a_b",
            "a b",
            "é",
            "../a",
            "a/b",
            &"a".repeat(64),
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn reserved_words_are_refused_with_another_name() {
        for name in RESERVED {
            let help = check(name).unwrap_err().suggestion.unwrap();
            assert!(help.contains(&format!("my-{name}")), "{help}");
        }
    }

    #[test]
    fn refusal_names_the_nearest_name_that_would_do() {
        let help = |name| check(name).unwrap_err().suggestion.unwrap();
        assert!(
            help("My_Shop").ends_with("such as `my-shop`"),
            "{}",
            help("My_Shop")
        );
        assert!(help("../shop").ends_with("such as `shop`"));
        assert!(help("é").ends_with("joined by `-`"));
    }
}
