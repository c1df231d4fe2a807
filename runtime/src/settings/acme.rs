//! Reads `[tls.acme]`: the names for which certificates are ordered, and from whom. Ordering them is left to `acme`.

use std::path::Path;

use http::Uri;
use http::uri::Scheme;

use super::authorities::authorities;
use super::limits::MAX_ACME_NAMES;
use crate::certificates::Authorities;
use crate::document::Table;
use crate::fault::Reason;

/// The directory of Let's Encrypt (<https://letsencrypt.org/docs/acme-protocol-updates/>).
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// The longest name and label of a host, in bytes (RFC 1035 §2.3.4).
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// The names for which certificates are ordered, and from whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The names, in lower case, each once.
    pub names: Vec<String>,
    /// Where the authority reaches the operator: a URI with `mailto`.
    pub contact: String,
    /// The URL of the authority's directory.
    pub directory: String,
    /// The authorities that the directory's own certificate may come from; those that browsers trust, if it is absent.
    pub authorities: Option<Authorities>,
}

/// `[tls.acme]`, if it is there. Paths are relative to `folder`.
pub(super) fn acme(tls: &Table<'_>, folder: &Path) -> Option<Acme> {
    let table = tls.table("acme", "[tls.acme]")?;
    let names = names(&table);
    let contact = table.required(
        "contact",
        "add `contact = \"mailto:YOU@YOUR.DOMAIN\"`, where the authority may write to you",
    );
    let contact = contact.and_then(|value| value.parsed(mail));
    let directory = table.parsed("directory", https);
    let is_given = table.get("directory").is_some();
    let root = table.get("directory_root");
    let authorities = root.and_then(|value| authorities(&value, folder));
    table.finish();
    Some(Acme {
        names: names?,
        contact: contact?,
        directory: match directory {
            None if is_given => return None,
            other => other.unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
        },
        authorities,
    })
}

/// The names; nothing if there is none. Those that are wrong are reported.
fn names(table: &Table<'_>) -> Option<Vec<String>> {
    let value = table.required("names", "add `names = [\"www.example.com\"]`")?;
    let given = value.strings();
    if given.is_empty() {
        value.report(
            Reason::new("`names` names no host")
                .help("remove [tls.acme], or write `names = [\"www.example.com\"]`"),
        );
    }
    if given.len() > MAX_ACME_NAMES {
        let what = format!(
            "{} names are more than the {MAX_ACME_NAMES} for which a server orders certificates",
            given.len()
        );
        let help = "one certificate for all names of a domain (`*.example.com`) can be made with another tool, and named in [[tls.more]]";
        value.report(Reason::new(what).help(help));
    }
    let mut names = Vec::new();
    for (place, _) in given {
        let Some(name) = place.parsed(host_name) else {
            continue;
        };
        if names.contains(&name) {
            place.report(Reason::new(format!("{name} is named twice")).help("remove it here"));
        }
        names.push(name);
    }
    (!names.is_empty()).then_some(names)
}

/// The name of a host, in lower case (RFC 1123 §2.1).
fn host_name(text: &str) -> Result<String, Reason> {
    if text.starts_with("*.") {
        let what = format!(
            "a certificate for {text} needs a change of the domain's DNS records (the challenge DNS-01), which Terrace does not make"
        );
        let help = "name the hosts one by one, or get it with another tool and name its files in [[tls.more]]";
        return Err(Reason::new(what).help(help));
    }
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=LABEL_BYTES).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits makes an address (RFC 3696 §2).
    let is_address = |text: &str| {
        let last = text.rsplit('.').next().unwrap_or_default();
        last.bytes().all(|byte| byte.is_ascii_digit())
    };
    if text.len() <= NAME_BYTES && text.split('.').all(is_label) && !is_address(text) {
        return Ok(text.to_ascii_lowercase());
    }
    let help = if text.is_ascii() {
        "write a name without scheme, port and path: `www.example.com`"
    } else {
        "write it in ASCII, as browsers send it: `xn--bcher-kva.example` for `bücher.example`"
    };
    Err(Reason::new(format!("`{text}` is not the name of a host")).help(help))
}

/// A URI with `mailto` (RFC 8555 §7.3).
fn mail(text: &str) -> Result<String, Reason> {
    let address = text
        .strip_prefix("mailto:")
        .and_then(|rest| rest.split_once('@'));
    let is_mail = address.is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if is_mail && !text.contains([',', '?']) {
        return Ok(text.to_owned());
    }
    let help = "write one address: `contact = \"mailto:admin@example.com\"`";
    Err(Reason::new(format!("`{text}` is not a mail address as a URI")).help(help))
}

fn https(text: &str) -> Result<String, Reason> {
    let uri = text.parse::<Uri>().ok();
    let is_https = uri.is_some_and(|uri| {
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        uri.scheme() == Some(&Scheme::HTTPS) && has_host
    });
    if is_https {
        return Ok(text.to_owned());
    }
    let help = format!("write the URL of a directory, with https: `{LETS_ENCRYPT}`");
    Err(Reason::new(format!("`{text}` is not the URL of a directory")).help(help))
}

#[cfg(test)]
mod tests;
