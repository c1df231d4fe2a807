//! Owns what a node says of itself in the registry. Servers of other versions read it as well: keys may be added, and none changes its
//! meaning.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::observe::NodeFigures;
use crate::settings::{Origin, Token};

/// The place of a deployed version among all: the later one is the greater one. Numbers tell it unless two servers that did not know of
/// each other committed versions with the same one; then the time does, and after it the digest.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Stamp {
    /// One more than that of the version before.
    pub(crate) number: u64,
    /// When its deployment began, in milliseconds since 1970.
    pub(crate) at: u64,
    /// SHA-256 of the index of its bundle in hexadecimal.
    pub(crate) digest: String,
}

impl Stamp {
    /// The stamp of a deployment that begins now.
    pub(crate) fn now(number: u64, digest: &str) -> Self {
        let at = clock::since_1970().as_millis();
        Self {
            number,
            at: u64::try_from(at).unwrap_or(u64::MAX),
            digest: digest.to_owned(),
        }
    }
}

/// A node, as it announces itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Node {
    /// Where edges reach it, as a URL.
    pub(crate) address: String,
    /// The name of its app.
    pub(crate) app: String,
    /// The digest of the app's manifest and code.
    #[serde(default)]
    pub(crate) digest: String,
    /// The version of Terrace.
    pub(crate) version: String,
    /// Where its admin listener is, as a URL; absent if it takes no deployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<String>,
    /// The version that it has committed last; absent if none was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deployed: Option<Stamp>,
    /// That of both of these, by the token of deployments: whoever can write to the registry does not learn the token by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<String>,
    /// Requests that its components work on.
    #[serde(default)]
    pub(crate) in_flight: u64,
    /// Processors that it has kept busy since its last announcement.
    #[serde(default)]
    pub(crate) processors: f64,
}

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Node {
    /// The node that announces itself with a text; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What [`Self::proof`] proves.
    pub(crate) fn proven(admin: &str, deployed: Option<&Stamp>) -> String {
        let stamp = deployed.map(|of| format!("{} {} {}", of.number, of.at, of.digest));
        format!("{admin} {}", stamp.unwrap_or_default())
    }

    /// Where it takes deployments, if it knows the token.
    pub(crate) fn admin(&self, token: &Token) -> Option<Origin> {
        let admin = self.admin.as_deref()?;
        let proof = token.proof(&Self::proven(admin, self.deployed.as_ref()));
        let is_proven = self.proof.as_ref() == Some(&proof);
        Origin::parse(admin).ok().filter(|_| is_proven)
    }

    /// The node as pages and metrics show it.
    pub(crate) fn figures(&self, state: &'static str) -> NodeFigures {
        NodeFigures {
            address: self.address.clone(),
            app: self.app.clone(),
            digest: self.digest.clone(),
            version: self.version.clone(),
            in_flight: self.in_flight,
            processors: self.processors,
            state,
        }
    }

    /// Whether this program can work with it: versions differ in what breaks others by their first number, and before 1.0 by their
    /// second (<https://semver.org>, 4 and 8).
    pub(crate) fn is_compatible(&self) -> bool {
        let mark = compatibility(&self.version);
        mark.is_some() && mark == compatibility(VERSION)
    }
}

fn compatibility(version: &str) -> Option<(u64, u64)> {
    let mut numbers = version.split('.').map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((major, if major == 0 { minor } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_break_others_by_their_first_number_or_before_it_by_their_second() {
        let same =
            |one, other| compatibility(one).is_some_and(|of| Some(of) == compatibility(other));
        assert!(same("1.2.3", "1.9.0") && same("0.1.0", "0.1.7"));
        assert!(!same("1.2.3", "2.2.3") && !same("0.1.0", "0.2.0"));
        assert!(!same("one", "one") && !same("1", "1") && !same("", ""));
    }

    #[test]
    fn nodes_that_do_not_know_the_token_take_no_deployment() {
        let (known, other) = (Token::of("0123456789abcdef"), Token::of("fedcba9876543210"));
        let (admin, stamp) = ("http://10.0.0.5:3001", Stamp::now(3, "d"));
        let text = r#"{"address":"http://10.0.0.5:3000","app":"shop","version":"0.1.9"}"#;
        let mut node = Node::parse(text).unwrap();
        assert_eq!(node.admin(&known), None);
        (node.admin, node.deployed) = (Some(admin.to_owned()), Some(stamp));
        assert_eq!(node.admin(&known), None, "no proof");
        node.proof = Some(known.proof(&Node::proven(admin, node.deployed.as_ref())));
        assert!(
            node.admin(&known)
                .is_some_and(|found| found.to_string() == admin)
        );
        assert_eq!(node.admin(&other), None, "another token");
        node.admin = Some("http://10.0.0.6:3001".to_owned());
        assert_eq!(node.admin(&known), None, "another address");
        (node.admin, node.deployed) = (Some(admin.to_owned()), None);
        assert_eq!(node.admin(&known), None, "another version");
    }

    #[test]
    fn nodes_of_later_versions_may_say_more_and_those_of_earlier_ones_less() {
        let text = r#"{"address":"http://a:1","app":"shop","version":"0.1.9","zone":"b"}"#;
        let node: Node = serde_json::from_str(text).unwrap();
        assert_eq!((node.app.as_str(), node.in_flight), ("shop", 0));
    }
}
