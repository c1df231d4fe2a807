//! Owns how users name the origins of an edge. Sending requests to them is left to `edge`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::fault::Reason;

/// Stands before the URL of a name whose addresses are an origin each.
const EACH_ADDRESS: &str = "dns+";

/// Stands for the nodes in the registry.
const CLUSTER: &str = "cluster";

const HELP: &str =
    "write a scheme, a host and a port: `http://10.0.0.2:3000` or `https://example.com`";

/// A server, by scheme and authority (RFC 9110 §4.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    ///
    /// # Errors
    /// What is wrong with it. The text is not repeated where it may hold a password.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let wrong = |what: &str| Reason::new(what).help(HELP);
        let uri: Uri = text.parse().map_err(|_| wrong("the origin is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .ok_or_else(|| wrong("the URL of the origin has no scheme"))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(wrong(&format!(
                "an origin speaks http or https, not `{scheme}`"
            )));
        }
        let authority = parts
            .authority
            .ok_or_else(|| wrong("the URL of the origin has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "the URL of the origin has a user name, which edges do not send",
            ));
        }
        let path = parts
            .path_and_query
            .as_ref()
            .map_or("/", PathAndQuery::as_str);
        if path != "/" {
            return Err(wrong(
                "the URL of the origin has a path: clients choose the path",
            ));
        }
        Ok(Self { scheme, authority })
    }

    /// The server without TLS that listens there.
    pub(crate) fn of(listener: SocketAddr) -> Self {
        let authority = listener.to_string().parse();
        Self {
            scheme: Scheme::HTTP,
            authority: authority.expect("an address and a port are an authority"),
        }
    }

    /// Whether both lead to the same server: names of hosts have no case, and a port may be left out.
    fn is_same(&self, other: &Self) -> bool {
        let port = |origin: &Self| {
            let default = if origin.scheme == Scheme::HTTPS {
                443
            } else {
                80
            };
            origin.authority.port_u16().unwrap_or(default)
        };
        self.scheme == other.scheme
            && port(self) == port(other)
            && self
                .authority
                .host()
                .eq_ignore_ascii_case(other.authority.host())
    }

    /// Its host and port.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The URI of a request target at this server.
    pub(crate) fn target(&self, target: &Uri) -> Uri {
        let slash = PathAndQuery::from_static("/");
        let path = target.path_and_query().cloned().unwrap_or(slash);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone());
        let uri = uri.path_and_query(path).build();
        uri.expect("a scheme, an authority and a path are a URI")
    }
}

/// An entry of `origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginEntry {
    /// One server.
    Server(Origin),
    /// Each address of this name is a server.
    EachAddress(Origin),
    /// Each node in the registry is a server.
    Cluster,
}

impl OriginEntry {
    /// Reads the URL of an [`Origin`], one after `dns+`, or `cluster`, and adds it to the `entries`.
    ///
    /// # Errors
    /// What is wrong with it, alone or among the others.
    pub fn add(text: &str, entries: &mut Vec<Self>) -> Result<(), Reason> {
        let entry = Self::parse(text)?;
        if entries.iter().any(|other| entry.is_same(other)) {
            let what = format!("the origin {entry} is in the list twice");
            return Err(Reason::new(what).help("remove one of them"));
        }
        entries.push(entry);
        Ok(())
    }

    fn parse(text: &str) -> Result<Self, Reason> {
        if text == CLUSTER {
            return Ok(Self::Cluster);
        }
        let Some(url) = text.strip_prefix(EACH_ADDRESS) else {
            return Origin::parse(text).map(Self::Server);
        };
        let origin = Origin::parse(url)?;
        let host = origin.authority.host();
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            let what = "`dns+` stands before the URL of a name, and this is an address";
            return Err(Reason::new(what).help(format!("write `{origin}`")));
        }
        Ok(Self::EachAddress(origin))
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Server(one), Self::Server(other))
            | (Self::EachAddress(one), Self::EachAddress(other)) => one.is_same(other),
            (Self::Cluster, Self::Cluster) => true,
            _ => false,
        }
    }
}

impl fmt::Display for OriginEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(origin) => origin.fmt(formatter),
            Self::EachAddress(origin) => write!(formatter, "{EACH_ADDRESS}{origin}"),
            Self::Cluster => formatter.write_str(CLUSTER),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let reason = Origin::parse(text).expect_err("it is refused");
        assert!(reason.message.contains(expected), "{}", reason.message);
        assert!(reason.suggestion.is_some());
    }

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        for text in [
            "http://127.0.0.1:3000",
            "https://example.com",
            "http://[::1]:80",
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
        let slash = Origin::parse("http://example.com/").unwrap();
        assert_eq!(slash.to_string(), "http://example.com");
    }

    #[test]
    fn what_is_no_origin_is_refused_with_an_example() {
        check_refused("", "not a URL");
        check_refused("http://", "not a URL");
        check_refused("http://a b", "not a URL");
        check_refused("127.0.0.1:3000", "no scheme");
        check_refused("/path", "no scheme");
        check_refused("ftp://example.com", "not `ftp`");
        check_refused("http://example.com/path", "a path");
        check_refused("http://example.com?a=b", "a path");
        check_refused("http://user:secret@example.com", "a user name");
    }

    #[track_caller]
    fn check_list(texts: &[&str], expected: Result<&[&str], &str>) {
        let mut entries = Vec::new();
        let added: Result<Vec<()>, Reason> = texts
            .iter()
            .map(|text| OriginEntry::add(text, &mut entries))
            .collect();
        match (added, expected) {
            (Ok(_), Ok(expected)) => {
                let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
                assert_eq!(entries, expected);
            }
            (Err(reason), Err(expected)) => {
                assert!(reason.message.contains(expected), "{}", reason.message);
                assert!(reason.suggestion.is_some());
            }
            (added, expected) => panic!("{added:?} is not {expected:?}"),
        }
    }

    #[test]
    fn entries_are_servers_names_of_several_and_the_registry() {
        let list = [
            "http://10.0.0.2:3000",
            "dns+https://nodes.internal:8443",
            "cluster",
        ];
        check_list(&list, Ok(&list));
        check_list(&["dns+http://10.0.0.2:3000"], Err("is an address"));
        check_list(&["dns+http://[::1]"], Err("is an address"));
        check_list(&["dns+nodes"], Err("no scheme"));
        check_list(&["dns+"], Err("not a URL"));
    }

    #[test]
    fn an_origin_is_listed_once() {
        for twice in [
            ["http://a:80", "http://A/"],
            ["https://a", "https://a:443"],
            ["dns+http://a:1", "dns+http://a:1"],
            ["cluster", "cluster"],
        ] {
            check_list(&twice, Err("twice"));
        }
        check_list(
            &["http://a", "dns+http://a"],
            Ok(&["http://a", "dns+http://a"]),
        );
    }

    #[test]
    fn refusals_repeat_no_password() {
        let reason = Origin::parse("http://user:secret@example.com").unwrap_err();
        assert!(!format!("{reason:?}").contains("secret"));
    }

    #[test]
    fn targets_keep_path_and_query_byte_for_byte() {
        let origin = Origin::parse("http://10.0.0.2:3000").unwrap();
        for (target, path) in [
            ("/a%2Fb//c?d=%20&&e", "/a%2Fb//c?d=%20&&e"),
            ("http://example.com", "/"),
            ("http://example.com/a?b", "/a?b"),
        ] {
            let uri = origin.target(&target.parse().unwrap());
            assert_eq!(uri.path_and_query().unwrap(), path);
            assert_eq!(uri.authority(), Some(origin.authority()));
        }
    }
}
