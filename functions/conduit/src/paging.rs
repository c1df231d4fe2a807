//! The requested part of a list: `limit` and `offset`, or `before`.

use std::fmt::Display;
use std::str::FromStr;

use crate::failure::{Failure, Invalid};
use crate::limits::{DEFAULT_PAGE_ARTICLES, MAX_PAGE_ARTICLES};

/// Greater than any id, and a number that every database takes: D1 has integers up to 2^53 - 1.
pub(crate) const MAX_ID: i64 = (1 << 53) - 1;

/// The query of a URI, decoded.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query; there is nothing that could not be read.
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of that name; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// Which part of a list is asked for.
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

impl Page {
    /// Reads the page of a query; a limit beyond the maximum is lowered to it.
    pub(crate) fn parse(query: &Query) -> Result<Self, Failure> {
        let limit = number(query, "limit", 1)?
            .unwrap_or(DEFAULT_PAGE_ARTICLES)
            .min(MAX_PAGE_ARTICLES);
        let offset = number(query, "offset", 0)?.unwrap_or(0);
        Ok(Self { limit, offset })
    }
}

/// The id before which a page begins, from `before`; the newest have greater ids than any.
pub(crate) fn before(query: &Query) -> Result<i64, Failure> {
    Ok(number(query, "before", 1)?.unwrap_or(MAX_ID))
}

fn number<N>(query: &Query, name: &'static str, min: N) -> Result<Option<N>, Failure>
where
    N: Copy + FromStr + PartialOrd + Display,
{
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| *number >= min);
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(Invalid::one(name, format!("must be a whole number of at least {min}")).into()),
    }
}
