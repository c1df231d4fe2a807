//! `[deploy]`: which apps this node takes, and from whom.

use std::fmt;

use http::{HeaderMap, HeaderValue, header};

use super::limits::MIN_TOKEN_BYTES;
use crate::bundle::PublicKey;
use crate::document::{Table, Value};
use crate::environment;
use crate::fault::Reason;

/// Which apps this node takes, and from whom.
#[derive(Clone, Debug, Default)]
pub struct Deploy {
    /// The keys of which one must have signed the app's bundle; absent if any app is taken.
    pub trusted_keys: Option<Vec<PublicKey>>,
    /// What `terrace deploy` must know; absent if no deployment is taken.
    pub token: Option<Token>,
}

/// What everybody knows who may deploy.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

impl Token {
    /// The token in an environment variable.
    ///
    /// # Errors
    /// It is not set, too short, or has other characters than a field of HTTP has.
    pub fn read(variable: &str) -> Result<Self, Reason> {
        let help = "set it to a random text: `openssl rand -hex 32` prints one";
        let refused = |what: &str| {
            Reason::new(format!("the environment variable `{variable}` {what}")).help(help)
        };
        let text = environment::variable(variable);
        let text = text.ok_or_else(|| refused("is not set, or not UTF-8"))?;
        if text.len() < MIN_TOKEN_BYTES {
            let what = format!("has fewer than {MIN_TOKEN_BYTES} characters");
            return Err(refused(&what));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("has a space or a character beyond ASCII"));
        }
        Ok(Self(text))
    }

    /// A token of a test.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value of `Authorization` that shows it (RFC 6750 §2.1).
    pub(crate) fn authorization(&self) -> HeaderValue {
        let value = HeaderValue::try_from(format!("Bearer {}", self.0));
        let mut value = value.expect("visible ASCII makes a field");
        value.set_sensitive(true);
        value
    }

    /// What shows that somebody who knows it has said a text, without showing it.
    #[must_use]
    pub(crate) fn proof(&self, text: &str) -> String {
        let key = blake3::derive_key("terrace 2026 announcements of nodes", self.0.as_bytes());
        blake3::keyed_hash(&key, text.as_bytes())
            .to_hex()
            .to_string()
    }

    /// Whether a request shows it. The time that this takes tells nothing about it.
    pub(crate) fn is_shown_by(&self, fields: &HeaderMap) -> bool {
        let own = blake3::hash(self.authorization().as_bytes());
        let shown = fields.get(header::AUTHORIZATION);
        // Digests are compared in constant time.
        shown.is_some_and(|shown| blake3::hash(shown.as_bytes()) == own)
    }
}

/// Reads the section.
pub(super) fn deploy(root: &Table<'_>) -> Deploy {
    let Some(table) = root.table("deploy", "[deploy]") else {
        return Deploy::default();
    };
    let keys = table.get("trusted_keys");
    let token = table.parsed("token_variable", Token::read);
    table.finish();
    Deploy {
        trusted_keys: keys.map(|keys| trusted_keys(&keys)),
        token,
    }
}

fn trusted_keys(list: &Value<'_>) -> Vec<PublicKey> {
    let keys = list.strings().into_iter();
    let keys: Vec<_> = keys
        .filter_map(|(place, _)| place.parsed(PublicKey::parse))
        .collect();
    if keys.is_empty() && list.list().is_some_and(|keys| keys.is_empty()) {
        let reason = Reason::new("`trusted_keys` names no key, so no app would be taken");
        list.report(reason.help("name a key, or remove `trusted_keys` to take any app"));
    }
    keys
}
