//! The bookmark of a client that wrote: the place of its last write in the log of purges, and that in the databases with replicas,
//! signed. It comes back with the client's requests, so that a server that lags behind knows. What a server does then is left to
//! `stage`, the log to `shared`.
//!
//! It is the text `1.LOG.NUMBER.TIME.DIGEST`, or `2.LOG.NUMBER.TIME.POSITIONS.DIGEST` with databases. LOG is empty if no log has the
//! write; then NUMBER is 1 if there is none, and no server but this one could lag behind. TIME is when the bookmark was made, in
//! seconds.

use std::sync::Arc;
use std::time::Duration;

use edge_cache::Told;
use edge_cache::store::LogPosition;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use storage::sql::Positions;

use crate::clock;
use crate::limits::{BOOKMARK_LIFETIME, MAX_BOOKMARK_AGE};

/// The field for clients without cookies, in both directions.
const FIELD: HeaderName = HeaderName::from_static("terrace-bookmark");

/// The beginning of the cookie.
const COOKIE: &str = "__Host-terrace-bookmark=";

/// The version of the text without databases.
const PLAIN: &str = "1";

/// The version of the text with positions in databases.
const WITH_DATABASES: &str = "2";

/// The key that the servers share.
pub(super) type Secret = [u8; 32];

/// A bookmark that this server made, or whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bookmark {
    place: Place,
    /// Where the client's writes are in the databases with replicas, at most.
    positions: Positions,
    /// When it was made, since the epoch.
    made: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The write is in the log, here or before.
    At(LogPosition),
    /// Nobody knows whether the other servers learn of the write.
    Unknown,
    /// There is no log.
    NoLog,
}

impl Bookmark {
    /// One for a write of now.
    pub(super) fn of(told: Told, positions: Positions) -> Self {
        let place = match told {
            Told::Confirmed(position) => Place::At(position),
            Told::Unconfirmed => Place::Unknown,
        };
        Self {
            place,
            positions,
            made: clock::since_1970(),
        }
    }

    /// One for a write of now of which no log tells.
    pub(super) fn without_log(positions: Positions) -> Self {
        Self {
            place: Place::NoLog,
            positions,
            made: clock::since_1970(),
        }
    }

    /// The place in the log, if there is one.
    pub(super) fn position(&self) -> Option<&LogPosition> {
        match &self.place {
            Place::At(position) => Some(position),
            Place::Unknown | Place::NoLog => None,
        }
    }

    /// Whether it says nothing of a log.
    pub(super) fn has_no_log(&self) -> bool {
        self.place == Place::NoLog
    }

    /// The positions in databases that the client's reads must see.
    pub(super) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// One that stands for two.
    pub(super) fn and(self, other: Self) -> Self {
        let positions = self.positions.clone().and(&other.positions);
        let both = match (&self.place, &other.place) {
            (Place::Unknown, _) | (_, Place::NoLog) => self,
            (_, Place::Unknown) | (Place::NoLog, _) => other,
            (Place::At(one), Place::At(two)) if one.log == two.log => match one.number < two.number
            {
                true => other,
                false => self,
            },
            _ => Self {
                place: Place::Unknown,
                ..other
            },
        };
        Self { positions, ..both }
    }

    /// That of a client's new write, after the one that it has: it does not make good that nobody knows of an earlier one.
    pub(super) fn after(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier)
                if earlier.place == Place::Unknown
                    && self.made < earlier.made.saturating_add(BOOKMARK_LIFETIME) =>
            {
                earlier.and(self)
            }
            _ => self,
        }
    }

    /// Adds it to a response: as a cookie, and as a field.
    pub(super) fn add_to_response(&self, headers: &mut HeaderMap, secret: &Secret) {
        let text = self.encode(secret);
        let lifetime = BOOKMARK_LIFETIME.as_secs();
        let cookie =
            format!("{COOKIE}{text}; Path=/; Max-Age={lifetime}; HttpOnly; Secure; SameSite=Lax");
        // Both are texts of letters, digits and points.
        if let (Ok(cookie), Ok(text)) = (cookie.try_into(), text.try_into()) {
            headers.append(header::SET_COOKIE, cookie);
            headers.insert(FIELD, text);
        }
    }

    /// Adds it to a request for a server behind this one.
    pub(super) fn add_to_request(&self, headers: &mut HeaderMap, secret: &Secret) {
        if let Ok(text) = self.encode(secret).try_into() {
            headers.insert(FIELD, text);
        }
    }

    /// Removes the bookmarks of a request. Those that are right are one; others are nothing.
    pub(super) fn take_from_request(headers: &mut HeaderMap, secret: &Secret) -> Option<Self> {
        let has_cookie = headers.get_all(header::COOKIE).iter().any(is_with_bookmark);
        if !has_cookie && !headers.contains_key(FIELD) {
            return None;
        }
        let mut found = take_field(headers, secret);
        if has_cookie {
            let lines: Vec<_> = headers.get_all(header::COOKIE).iter().cloned().collect();
            headers.remove(header::COOKIE);
            for line in lines {
                let mut others = Vec::new();
                for cookie in line.as_bytes().split(|&byte| byte == b';') {
                    match cookie.trim_ascii().strip_prefix(COOKIE.as_bytes()) {
                        Some(text) => found.extend(Self::decode(text, secret)),
                        None => others.push(cookie),
                    }
                }
                let others = others.join(&b';');
                if !others.trim_ascii().is_empty()
                    && let Ok(line) = HeaderValue::from_bytes(others.trim_ascii())
                {
                    headers.append(header::COOKIE, line);
                }
            }
        }
        found.into_iter().reduce(Self::and)
    }

    /// Removes the bookmark of a response of another server.
    pub(super) fn take_from_response(headers: &mut HeaderMap, secret: &Secret) -> Option<Self> {
        if !headers.contains_key(FIELD) {
            return None;
        }
        let mut cookies: Vec<_> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .cloned()
            .collect();
        cookies.retain(|cookie| !cookie.as_bytes().starts_with(COOKIE.as_bytes()));
        headers.remove(header::SET_COOKIE);
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
        take_field(headers, secret).into_iter().reduce(Self::and)
    }

    fn encode(&self, secret: &Secret) -> String {
        let (log, number) = match &self.place {
            Place::At(position) => (&*position.log, position.number),
            Place::Unknown => ("", 0),
            Place::NoLog => ("", 1),
        };
        let (positions, made) = (&self.positions, self.made.as_secs());
        let signed = match positions.is_empty() {
            true => format!("{PLAIN}.{log}.{number}.{made}"),
            false => format!("{WITH_DATABASES}.{log}.{number}.{made}.{positions}"),
        };
        let digest = blake3::keyed_hash(secret, signed.as_bytes());
        format!("{signed}.{}", digest.to_hex())
    }

    /// `None` if another key signed it, or it is too old.
    fn decode(text: &[u8], secret: &Secret) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (signed, digest) = text.rsplit_once('.')?;
        // The comparison takes the same time wherever they differ.
        if blake3::Hash::from_hex(digest).ok()? != blake3::keyed_hash(secret, signed.as_bytes()) {
            return None;
        }
        let mut parts = signed.split('.');
        let (version, log, number, made) = (
            parts.next()?,
            parts.next()?,
            parts.next()?.parse().ok()?,
            Duration::from_secs(parts.next()?.parse().ok()?),
        );
        let positions = match version {
            PLAIN => Positions::default(),
            WITH_DATABASES => Positions::parse(parts.next()?)?,
            _ => return None,
        };
        if clock::since_1970() > made.saturating_add(MAX_BOOKMARK_AGE) {
            return None;
        }
        let place = match (log, number) {
            ("", 1) => Place::NoLog,
            ("", _) => Place::Unknown,
            (log, number) => Place::At(LogPosition {
                log: Arc::from(log),
                number,
            }),
        };
        Some(Self {
            place,
            positions,
            made,
        })
    }
}

fn take_field(headers: &mut HeaderMap, secret: &Secret) -> Vec<Bookmark> {
    let texts = headers.get_all(FIELD).iter();
    let found = texts.filter_map(|text| Bookmark::decode(text.as_bytes(), secret));
    let found = found.collect();
    headers.remove(FIELD);
    found
}

fn is_with_bookmark(line: &HeaderValue) -> bool {
    let mut parts = line.as_bytes().windows(COOKIE.len());
    parts.any(|part| part == COOKIE.as_bytes())
}

#[cfg(test)]
mod tests;
