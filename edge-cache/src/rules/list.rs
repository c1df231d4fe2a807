//! Lists in fields (RFC 9110 §5.6.1): members between commas, which quoted strings may contain (§5.6.4).

use std::borrow::Cow;

/// The members of one line, without the space around them and without the empty ones.
///
/// A quote that is never closed is an ordinary character. Otherwise it would hide the rest, such as `no-store`.
pub(super) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    Members { rest: Some(line) }.filter(|member| !member.is_empty())
}

/// As [`members`], with the empty ones.
pub(super) fn members_and_gaps(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    Members { rest: Some(line) }
}

struct Members<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let end = end_of_member(rest);
        self.rest = rest.get(end + 1..);
        Some(rest[..end].trim_ascii())
    }
}

/// Where the first member ends: at the next comma that is not quoted, or at the end.
fn end_of_member(text: &[u8]) -> usize {
    let mut index = 0;
    while let Some(byte) = text.get(index) {
        match byte {
            b',' => return index,
            b'"' => index += quoted_length(&text[index..]).unwrap_or(1),
            _ => index += 1,
        }
    }
    text.len()
}

/// The length of the quoted string that a text begins with, with its quotes; `None` if it does not end.
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut index = 1;
    loop {
        match text.get(index)? {
            b'"' => return Some(index + 1),
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
}

/// The text of a quoted string, without its quotes and escapes; `None` if it is not just one quoted string.
pub(super) fn unquoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if text.first() != Some(&b'"') || quoted_length(text) != Some(text.len()) {
        return None;
    }
    let inner = &text[1..text.len() - 1];
    if !inner.contains(&b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        plain.extend(if *byte == b'\\' {
            bytes.next()
        } else {
            Some(byte)
        });
    }
    Some(Cow::Owned(plain))
}

/// Whether all quotes of a text are closed.
pub(super) fn is_balanced(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
        match quoted_length(&rest[quote..]) {
            Some(length) => rest = &rest[quote + length..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<&str> {
        let members = members(line.as_bytes());
        members
            .map(|member| std::str::from_utf8(member).unwrap())
            .collect()
    }

    #[test]
    fn commas_separate_unless_they_are_quoted_rfc_9110_5_6_1() {
        assert_eq!(split(" a , , b=\"c, d\" ,e,"), ["a", "b=\"c, d\"", "e"]);
        assert_eq!(split("a=\"\\\", b\", c"), ["a=\"\\\", b\"", "c"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn a_quote_that_is_not_closed_hides_nothing_rfc_9110_5_6_4() {
        assert_eq!(split("a=\"b, no-store"), ["a=\"b", "no-store"]);
        assert_eq!(split("a=\"b\\"), ["a=\"b\\"]);
    }

    #[test]
    fn a_quoted_string_stands_for_its_text_rfc_9110_5_6_4() {
        let text = |quoted: &str| unquoted(quoted.as_bytes()).map(Cow::into_owned);
        assert_eq!(text("\"a b\""), Some(b"a b".to_vec()));
        assert_eq!(text("\"a\\\"b\""), Some(b"a\"b".to_vec()));
        for other in ["a", "\"a", "\"a\"b", "\"", ""] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
