//! Purges as they are in the log, as JSON.

use edge_cache::rules::groups::CacheGroup;
use edge_cache::rules::key::CacheKey;
use edge_cache::store::{Purge, PurgeMode};
use serde::{Deserialize, Serialize};
use storage::sql::Positions;

/// A purge as it is in the log. It is read by servers of other versions as well: what they do not know, they take for one of
/// everything.
#[derive(Debug, Deserialize, Serialize)]
struct Message {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    soft: bool,
    what: What,
    /// Where the writes that led to it are in the databases with replicas, at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    written: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Url(String),
    Path(String),
    Prefix(String),
    Group {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        name: String,
    },
    All,
}

pub(super) fn of(what: &Purge, mode: PurgeMode, written: &Positions) -> Vec<u8> {
    let what = match what {
        Purge::Url(key) => What::Url(key.as_str().to_owned()),
        Purge::Path(path) => What::Path(path.to_string()),
        Purge::Prefix(prefix) => What::Prefix(prefix.to_string()),
        Purge::Group { origin, group } => What::Group {
            origin: origin.as_deref().map(str::to_owned),
            name: group.as_str().to_owned(),
        },
        Purge::All => What::All,
    };
    let soft = mode == PurgeMode::Soft;
    let written = written.to_string();
    let message = Message {
        soft,
        what,
        written,
    };
    serde_json::to_vec(&message).expect("texts and marks have a form in JSON")
}

/// The positions of a message; `None` if they are not known.
pub(super) fn written(message: &[u8]) -> Option<Positions> {
    let message: Message = serde_json::from_slice(message).ok()?;
    Positions::parse(&message.written)
}

/// The purge of a message; of everything if it is not known.
pub(super) fn purge(message: &[u8]) -> (Purge, PurgeMode) {
    let everything = (Purge::All, PurgeMode::Hard);
    let Ok(Message { soft, what, .. }) = serde_json::from_slice(message) else {
        return everything;
    };
    let what = match what {
        What::Url(url) => match CacheKey::parse(&url) {
            Some(key) => Purge::Url(key),
            None => return everything,
        },
        What::Path(path) => Purge::Path(path.into()),
        What::Prefix(prefix) => Purge::Prefix(prefix.into()),
        What::Group { origin, name } => Purge::Group {
            origin: origin.map(Into::into),
            group: CacheGroup::new(&name),
        },
        What::All => Purge::All,
    };
    match soft {
        true => (what, PurgeMode::Soft),
        false => (what, PurgeMode::Hard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purges_come_back_as_they_went_and_unknown_ones_are_of_everything() {
        let group = |origin: Option<&str>| Purge::Group {
            origin: origin.map(Into::into),
            group: CacheGroup::new("a \"b\""),
        };
        for what in [
            Purge::Url(CacheKey::parse("http://a/b?c=d").unwrap()),
            Purge::Path("/b?c=d".into()),
            Purge::Prefix("http://a/".into()),
            group(None),
            group(Some("http://a")),
            Purge::All,
        ] {
            for mode in [PurgeMode::Soft, PurgeMode::Hard] {
                let positions = Positions::parse("7-1-ff").unwrap();
                let message = of(&what, mode, &positions);
                assert_eq!(purge(&message), (what.clone(), mode));
                assert_eq!(written(&message), Some(positions));
            }
        }
        assert_eq!(written(b"{}"), None);
        for unknown in [
            "",
            "{}",
            r#"{"what":{"rhyme":"a"}}"#,
            r#"{"what":{"url":"a b"}}"#,
        ] {
            let purge = purge(unknown.as_bytes());
            assert_eq!(purge, (Purge::All, PurgeMode::Hard), "{unknown}");
        }
    }
}
