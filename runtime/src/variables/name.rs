//! The valid names of variables.

use crate::fault::Reason;

/// Whether a text is a variable's name: lower-case words of letters and digits, joined by single
/// underscores, the first beginning with a letter.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(allowed)
        && !text.contains("__")
        && !text.ends_with('_')
}

/// The same as a check with a reason.
pub(crate) fn check_name(text: &str) -> Result<(), Reason> {
    if is_name(text) {
        return Ok(());
    }
    let help = "names are lower-case words joined by `_`, such as `database_url`";
    Err(Reason::new(format!("`{text}` cannot be a variable's name")).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_joined_by_single_underscores() {
        for name in ["a", "api_key", "a1_2b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "1a", "_a", "a_", "a__b", "a-b", "a b", "é"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
