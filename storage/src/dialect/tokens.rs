//! The tokens of a part of the parser's tree, as they are compared with those of a text.

use sqlite3_parser::ast::fmt::{ToTokens, TokenStream};
use sqlite3_parser::dialect::TokenType;

use super::names;

/// The tokens of a part of the tree.
pub(super) fn tokens_of(part: &impl ToTokens) -> Vec<String> {
    let mut collected = Collected(Vec::new());
    let Ok(()) = part.to_tokens(&mut collected);
    collected.0
}

struct Collected(Vec<String>);

impl TokenStream for Collected {
    type Error = std::convert::Infallible;

    fn append(&mut self, kind: TokenType, value: Option<&str>) -> Result<(), Self::Error> {
        let word = kind.as_str().filter(|_| value.is_none());
        let token = value.or(word).unwrap_or_default();
        match kind {
            TokenType::TK_BLOB => self.0.push(format!("x'{}'", token.to_ascii_lowercase())),
            _ if token.trim().is_empty() => {}
            _ => self.0.push(compared(token)),
        }
        Ok(())
    }
}

/// Spellings of one token that the tree does not tell apart.
pub(super) fn compared(token: &str) -> String {
    match token {
        "==" => "=".to_owned(),
        "!=" => "<>".to_owned(),
        // The case of a string tells it from another.
        _ if token.starts_with('\'') => token.to_owned(),
        _ => names::unquoted(token).to_ascii_lowercase(),
    }
}
