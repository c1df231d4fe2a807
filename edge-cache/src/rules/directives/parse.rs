//! The syntax of directives (RFC 9111 §5.2): `token [ "=" ( token / quoted-string ) ]`.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderValue;
use http::header::GetAll;

use crate::limits::MAX_DELTA_SECONDS;
use crate::rules::list;

/// One directive as it stands there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    /// Compared without regard to case.
    pub(super) name: &'a [u8],
    pub(super) argument: Option<Cow<'a, [u8]>>,
}

/// The directives of all lines of a field, in order.
pub(super) fn directives<'a>(
    lines: GetAll<'a, HeaderValue>,
) -> impl Iterator<Item = Directive<'a>> {
    let lines = lines.into_iter();
    lines
        .flat_map(|line| list::members(line.as_bytes()))
        .map(directive)
}

/// A malformed argument stays as it is, so that the directive does not count as one without an argument.
fn directive(member: &[u8]) -> Directive<'_> {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else {
        return Directive {
            name: member,
            argument: None,
        };
    };
    let (name, argument) = (&member[..equals], &member[equals + 1..]);
    // Space around `=` is not allowed. The name still counts, because most directives forbid something.
    let well_formed = name.trim_ascii_end() == name;
    let argument = match list::unquoted(argument) {
        Some(text) if well_formed => text,
        None if well_formed => Cow::Borrowed(argument),
        _ => Cow::Borrowed(&member[name.trim_ascii_end().len()..]),
    };
    Directive {
        name: name.trim_ascii_end(),
        argument: Some(argument),
    }
}

/// A number of seconds (RFC 9111 §1.2.2): only digits. A number above [`MAX_DELTA_SECONDS`] counts as that.
#[must_use]
pub fn delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    };
    let seconds = text.iter().fold(0, add);
    Some(Duration::from_secs(seconds.min(MAX_DELTA_SECONDS)))
}

/// The seconds of an argument. One that is not a number makes a response stale, so it counts as zero (RFC 9111 §4.2.1).
pub(super) fn seconds(argument: Option<&[u8]>) -> Duration {
    argument.and_then(delta_seconds).unwrap_or_default()
}

/// Of several values the most restrictive one counts (RFC 9111 §4.2.1).
pub(super) fn least(known: &mut Option<Duration>, argument: Option<&[u8]>) {
    let value = seconds(argument);
    *known = Some(known.map_or(value, |known| known.min(value)));
}

pub(super) fn most(known: &mut Option<Duration>, value: Duration) {
    *known = Some(known.map_or(value, |known| known.max(value)));
}
