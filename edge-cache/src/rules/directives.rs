//! `Cache-Control` in requests and responses (RFC 9111 §5.2), and `Pragma` in requests (§5.4).

mod parse;

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

pub use parse::delta_seconds;
use parse::{directives, least, most, seconds};

/// The fields of a response to which a directive applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Qualified {
    /// The directive is not there.
    #[default]
    Absent,
    /// The whole response.
    All,
    /// The fields of these names.
    Fields(Vec<HeaderName>),
}

/// What a response says about storing and reusing it (RFC 9111 §5.2.2, RFC 5861, RFC 8246).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// §5.2.2.1.
    pub max_age: Option<Duration>,
    /// §5.2.2.10.
    pub s_maxage: Option<Duration>,
    /// RFC 5861 §3.
    pub stale_while_revalidate: Option<Duration>,
    /// RFC 5861 §4.
    pub stale_if_error: Option<Duration>,
    /// §5.2.2.4.
    pub no_cache: Qualified,
    /// §5.2.2.7.
    pub private: Qualified,
    /// §5.2.2.5.
    pub no_store: bool,
    /// §5.2.2.9.
    pub public: bool,
    /// §5.2.2.2.
    pub must_revalidate: bool,
    /// §5.2.2.8.
    pub proxy_revalidate: bool,
    /// §5.2.2.3.
    pub must_understand: bool,
    /// §5.2.2.6.
    pub no_transform: bool,
    /// RFC 8246 §2.
    pub immutable: bool,
}

/// What a request says about the response that it accepts (RFC 9111 §5.2.1, RFC 5861 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// §5.2.1.1.
    pub max_age: Option<Duration>,
    /// §5.2.1.2; `Duration::MAX` where no limit is given.
    pub max_stale: Option<Duration>,
    /// §5.2.1.3.
    pub min_fresh: Option<Duration>,
    /// RFC 5861 §4.
    pub stale_if_error: Option<Duration>,
    /// §5.2.1.4, or `Pragma: no-cache` where there is no `Cache-Control` (§5.4).
    pub no_cache: bool,
    /// §5.2.1.5.
    pub no_store: bool,
    /// §5.2.1.7.
    pub only_if_cached: bool,
}

impl Qualified {
    /// Adds a directive. Without field names, or with names that can't be read, it applies to all of the response, which is
    /// the most restrictive.
    fn add(&mut self, argument: Option<&[u8]>) {
        let names = argument.and_then(field_names).unwrap_or_default();
        match self {
            Self::All => {}
            _ if names.is_empty() => *self = Self::All,
            Self::Absent => *self = Self::Fields(names),
            Self::Fields(known) => known.extend(names),
        }
    }

    /// Whether it applies to the whole response.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The names of the fields that it applies to, unless it applies to all.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(names) => names,
            Self::Absent | Self::All => &[],
        }
    }
}

fn field_names(list: &[u8]) -> Option<Vec<HeaderName>> {
    let names = super::list::members(list);
    names
        .map(|name| HeaderName::from_bytes(name).ok())
        .collect()
}

impl ResponseDirectives {
    /// The directives of `Cache-Control`. Of conflicting ones the most restrictive counts (RFC 9111 §4.2.1).
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut parsed = Self::default();
        for directive in directives(headers.get_all(header::CACHE_CONTROL)) {
            parsed.add(directive.name, directive.argument.as_deref());
        }
        parsed
    }

    /// Adds a directive; an unknown one is ignored (§5.2.3).
    pub(super) fn add(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let mut lower_case = [0; LONGEST_NAME.len()];
        let Some(lower_case) = to_lower_case(name, &mut lower_case) else {
            return;
        };
        match lower_case {
            b"max-age" => least(&mut self.max_age, argument),
            b"s-maxage" => least(&mut self.s_maxage, argument),
            b"stale-while-revalidate" => least(&mut self.stale_while_revalidate, argument),
            b"stale-if-error" => least(&mut self.stale_if_error, argument),
            b"no-cache" => self.no_cache.add(argument),
            b"private" => self.private.add(argument),
            b"no-store" => self.no_store = true,
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"no-transform" => self.no_transform = true,
            b"immutable" => self.immutable = true,
            _ => {}
        }
    }
}

impl RequestDirectives {
    /// The directives of `Cache-Control`, or of `Pragma` if that is missing. It allocates only for escapes in arguments.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut parsed = Self::default();
        if !headers.contains_key(header::CACHE_CONTROL) {
            let mut pragma = directives(headers.get_all(header::PRAGMA));
            parsed.no_cache =
                pragma.any(|directive| directive.name.eq_ignore_ascii_case(b"no-cache"));
            return parsed;
        }
        for directive in directives(headers.get_all(header::CACHE_CONTROL)) {
            parsed.add(directive.name, directive.argument.as_deref());
        }
        parsed
    }

    fn add(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let mut lower_case = [0; LONGEST_NAME.len()];
        let Some(lower_case) = to_lower_case(name, &mut lower_case) else {
            return;
        };
        match lower_case {
            b"max-age" => least(&mut self.max_age, argument),
            b"min-fresh" => most(&mut self.min_fresh, seconds(argument)),
            b"max-stale" if argument.is_none() => most(&mut self.max_stale, Duration::MAX),
            b"max-stale" => least(&mut self.max_stale, argument),
            b"stale-if-error" => least(&mut self.stale_if_error, argument),
            b"no-cache" => self.no_cache = true,
            b"no-store" => self.no_store = true,
            b"only-if-cached" => self.only_if_cached = true,
            _ => {}
        }
    }
}

/// The longest known name of a directive.
const LONGEST_NAME: &str = "stale-while-revalidate";

/// A name in lower case; `None` if it is longer than any known one.
fn to_lower_case<'a>(name: &[u8], buffer: &'a mut [u8; LONGEST_NAME.len()]) -> Option<&'a [u8]> {
    let lower_case = buffer.get_mut(..name.len())?;
    lower_case.copy_from_slice(name);
    lower_case.make_ascii_lowercase();
    Some(lower_case)
}

#[cfg(test)]
mod tests;
