//! The list syntax of `Cache-Control` (RFC 9111 §5.2, RFC 9110 §5.6): `token [ "=" ( token / quoted-string ) ]`.

use std::borrow::Cow;
use std::time::Duration;

use http::header::GetAll;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{MAX_DELTA_SECONDS, Qualified, RequestDirectives, ResponseDirectives};

/// One directive as it stands there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Directive<'a> {
    /// Compared without regard to case.
    pub(crate) name: &'a str,
    pub(crate) argument: Option<Cow<'a, str>>,
}

/// The directives of all lines of a field, in order. Members that are no directives are left out, and so are lines that
/// are no visible ASCII.
pub(crate) fn directives<'a>(
    lines: &GetAll<'a, HeaderValue>,
) -> impl Iterator<Item = Directive<'a>> {
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| Members { rest: line })
}

/// The members of one line, which commas in quoted strings do not separate.
struct Members<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Members<'a> {
    type Item = Directive<'a>;

    fn next(&mut self) -> Option<Directive<'a>> {
        while !self.rest.is_empty() {
            let end = end_of_member(self.rest);
            let member = self.rest[..end].trim();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if let Some(directive) = directive(member) {
                return Some(directive);
            }
        }
        None
    }
}

/// Where a member ends: at the next comma that is not quoted.
fn end_of_member(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return index,
            _ => {}
        }
    }
    text.len()
}

fn directive(member: &str) -> Option<Directive<'_>> {
    if member.is_empty() {
        return None;
    }
    let Some((name, argument)) = member.split_once('=') else {
        let name = member;
        return Some(Directive {
            name,
            argument: None,
        });
    };
    // Space around `=` is not allowed, so it stays in the argument, which it makes invalid.
    let spaced = name.ends_with([' ', '\t']) || argument.starts_with([' ', '\t']);
    let argument = match argument.strip_prefix('"') {
        _ if spaced => Cow::Borrowed(" "),
        Some(quoted) => unquoted(quoted),
        None => Cow::Borrowed(argument),
    };
    Some(Directive {
        name: name.trim_end(),
        argument: Some(argument),
    })
}

/// The text of a quoted string from behind its first quote (RFC 9110 §5.6.4).
fn unquoted(text: &str) -> Cow<'_, str> {
    let text = text.strip_suffix('"').unwrap_or(text);
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.extend(match character {
            '\\' => characters.next(),
            other => Some(other),
        });
    }
    Cow::Owned(plain)
}

/// A number of seconds (RFC 9111 §1.2.2). What is none makes a response stale, so it counts as zero (§4.2.1).
pub(crate) fn delta_seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Too many digits for a number are a large number.
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX).min(MAX_DELTA_SECONDS)))
}

fn seconds(argument: Option<&str>) -> Duration {
    argument.and_then(delta_seconds).unwrap_or_default()
}

/// Of several values the most restrictive one counts (RFC 9111 §4.2.1).
fn least(known: &mut Option<Duration>, argument: Option<&str>) {
    let value = seconds(argument);
    *known = Some(known.map_or(value, |known| known.min(value)));
}

fn most(known: &mut Option<Duration>, value: Duration) {
    *known = Some(known.map_or(value, |known| known.max(value)));
}

impl Qualified {
    /// Takes in one more directive: without field names it is about all of the response, which is the most restrictive.
    fn add(&mut self, argument: Option<&str>) {
        let Some(names) = argument else {
            *self = Self::All;
            return;
        };
        let names = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let Ok(mut names) = names
            .map(str::parse)
            .collect::<Result<Vec<HeaderName>, _>>()
        else {
            *self = Self::All;
            return;
        };
        match self {
            Self::All => {}
            _ if names.is_empty() => *self = Self::All,
            Self::Absent => *self = Self::Fields(names),
            Self::Fields(known) => known.append(&mut names),
        }
    }

    /// Whether it is about the whole response.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The names of the fields that it is about.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(names) => names,
            _ => &[],
        }
    }
}

impl ResponseDirectives {
    /// What `Cache-Control` says.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut parsed = Self::default();
        for directive in directives(&headers.get_all(header::CACHE_CONTROL)) {
            parsed.add(directive.name, directive.argument.as_deref());
        }
        parsed
    }

    pub(crate) fn add(&mut self, name: &str, argument: Option<&str>) {
        match name.to_ascii_lowercase().as_str() {
            "max-age" => least(&mut self.max_age, argument),
            "s-maxage" => least(&mut self.s_maxage, argument),
            "stale-while-revalidate" => least(&mut self.stale_while_revalidate, argument),
            "stale-if-error" => least(&mut self.stale_if_error, argument),
            "no-cache" => self.no_cache.add(argument),
            "private" => self.private.add(argument),
            "no-store" => self.no_store = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "no-transform" => self.no_transform = true,
            "immutable" => self.immutable = true,
            _ => {}
        }
    }
}

impl RequestDirectives {
    /// What `Cache-Control` says, or `Pragma` where that is missing.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut parsed = Self::default();
        let lines = headers.get_all(header::CACHE_CONTROL);
        if lines.iter().next().is_none() {
            let lines = headers.get_all(header::PRAGMA);
            let mut pragma = directives(&lines);
            parsed.no_cache =
                pragma.any(|directive| directive.name.eq_ignore_ascii_case("no-cache"));
            return parsed;
        }
        for directive in directives(&lines) {
            parsed.add(directive.name, directive.argument.as_deref());
        }
        parsed
    }

    fn add(&mut self, name: &str, argument: Option<&str>) {
        match name.to_ascii_lowercase().as_str() {
            "max-age" => least(&mut self.max_age, argument),
            "min-fresh" => most(&mut self.min_fresh, seconds(argument)),
            "max-stale" if argument.is_none() => most(&mut self.max_stale, Duration::MAX),
            "max-stale" => least(&mut self.max_stale, argument),
            "stale-if-error" => least(&mut self.stale_if_error, argument),
            "no-cache" => self.no_cache = true,
            "no-store" => self.no_store = true,
            "only-if-cached" => self.only_if_cached = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, line.parse().unwrap());
        }
        headers
    }

    fn max_age(lines: &[&str]) -> Option<u64> {
        let parsed = ResponseDirectives::parse(&headers(lines));
        parsed.max_age.map(|age| age.as_secs())
    }

    #[test]
    fn names_are_compared_without_case_and_arguments_may_be_quoted_rfc_9111_5_2() {
        assert_eq!(max_age(&["MaX-aGe=60"]), Some(60));
        assert_eq!(max_age(&["max-age=\"60\""]), Some(60));
        assert_eq!(max_age(&["foo, max-age=60,"]), Some(60));
        assert_eq!(max_age(&["max-age=003600"]), Some(3600));
    }

    #[test]
    fn what_is_quoted_is_no_directive_rfc_9110_5_6_4() {
        assert_eq!(max_age(&["foo=\"max-age=60\", max-age=1"]), Some(1));
        assert_eq!(max_age(&["max-age=1, foo=\"bar, max-age=60\""]), Some(1));
        assert_eq!(max_age(&["foo=\"a\\\", max-age=60\""]), None);
    }

    #[test]
    fn invalid_freshness_counts_as_none_left_rfc_9111_4_2_1() {
        for value in ["-1", "1.5", "a1", "1a", "'60'", "", " 60"] {
            assert_eq!(
                max_age(&[&format!("max-age={value}")]),
                Some(0),
                "{value:?}"
            );
        }
        assert_eq!(max_age(&["max-age"]), Some(0));
        assert_eq!(max_age(&["max-age =60"]), Some(0));
    }

    #[test]
    fn of_conflicting_values_the_most_restrictive_counts_rfc_9111_4_2_1() {
        assert_eq!(max_age(&["max-age=60, max-age=1"]), Some(1));
        assert_eq!(max_age(&["max-age=1", "max-age=60"]), Some(1));
    }

    #[test]
    fn seconds_beyond_the_largest_are_the_largest_rfc_9111_1_2_2() {
        assert_eq!(
            max_age(&["max-age=99999999999999999999999"]),
            Some(MAX_DELTA_SECONDS)
        );
    }

    #[test]
    fn qualified_directives_name_fields_rfc_9111_5_2_2_4() {
        let parsed = ResponseDirectives::parse(&headers(&["no-cache=\"a, B\", private=\"c\""]));
        assert_eq!(parsed.no_cache.fields(), ["a", "b"]);
        assert_eq!(parsed.private.fields(), ["c"]);
        let parsed = ResponseDirectives::parse(&headers(&["no-cache=\"a\", no-cache"]));
        assert!(parsed.no_cache.is_all());
    }

    #[test]
    fn pragma_counts_where_there_is_no_cache_control_rfc_9111_5_4() {
        let mut headers = HeaderMap::new();
        headers.insert(header::PRAGMA, "no-cache".parse().unwrap());
        assert!(RequestDirectives::parse(&headers).no_cache);
        headers.insert(header::CACHE_CONTROL, "max-stale".parse().unwrap());
        let parsed = RequestDirectives::parse(&headers);
        assert!(!parsed.no_cache);
        assert_eq!(parsed.max_stale, Some(Duration::MAX));
    }
}
