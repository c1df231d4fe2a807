//! The component's variables: settings and secrets from `[component.NAME.variables]` of `spin.toml`, or from
//! `[vars]` of `wrangler.toml` and the Worker's secrets.

use crate::host;
use crate::manifest::grant;

/// Why a variable has no value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest does not give the component such a variable.
    #[error("variable {0:?} is not defined; {what}", what = grant::variable(.0))]
    Undefined(String),
    /// The name is not made of lower-case letters, digits and `_`.
    #[error("{0:?} is not the name of a variable: use lower-case letters, digits and '_'")]
    InvalidName(String),
    /// The value is not a string. `wrangler.toml` allows that, `spin.toml` does not.
    #[error("variable {name:?} is of type {kind} and not a string; {remedy}")]
    NotString {
        /// Its name.
        name: String,
        /// Its type: `number`, `boolean` or `object`.
        kind: String,
        /// The line to change.
        remedy: String,
    },
    /// The host could not look the value up.
    #[error("variable could not be read: {0}")]
    Provider(String),
}

/// The value of a variable.
///
/// # Errors
///
/// [`Error::Undefined`] without a grant, [`Error::Provider`] if its source failed, [`Error::NotString`] on Cloudflare if `[vars]` has
/// it without quotes.
pub async fn get(name: &str) -> Result<String, Error> {
    host::variable(name).await
}
