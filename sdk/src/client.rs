//! Sets the fields about the client that only the host may set, on a host that does not do it: Cloudflare.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Cloudflare's fields about the client, which replace the client's own.
static CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");

static FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
static CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");

/// Removes the fields that a client may not set, and sets `spin-full-url` and `spin-client-addr`. The latter has port 0, because
/// Cloudflare does not report the port; for a request without a client, the address is 0.0.0.0.
pub(crate) fn sanitise(fields: &mut HeaderMap, target: &Uri) {
    let forged: Vec<HeaderName> = fields
        .keys()
        .filter(|name| is_forged(name.as_str()))
        .cloned()
        .collect();
    for name in forged {
        fields.remove(name);
    }
    let address = fields
        .get(&CONNECTING_IP)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let set = [
        (&FULL_URL, target.to_string()),
        (&CLIENT_ADDRESS, SocketAddr::new(address, 0).to_string()),
    ];
    for (name, value) in set {
        // Both are valid field values.
        if let Ok(value) = HeaderValue::try_from(value) {
            fields.insert(name, value);
        }
    }
}

fn is_forged(name: &str) -> bool {
    name.starts_with("spin-")
        || name.starts_with("x-forwarded-")
        || matches!(name, "forwarded" | "x-real-ip")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sanitised(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        sanitise(&mut headers, &Uri::from_static("https://example.com/a?b"));
        headers
    }

    #[test]
    fn the_client_address_is_the_one_that_cloudflare_saw() {
        for (seen, expected) in [
            ("192.0.2.7", "192.0.2.7:0"),
            ("2001:db8::1", "[2001:db8::1]:0"),
            ("garbage", "0.0.0.0:0"),
        ] {
            let fields = sanitised(&[
                ("cf-connecting-ip", seen),
                ("spin-client-addr", "198.51.100.1:1"),
                ("x-forwarded-for", "198.51.100.1"),
            ]);
            assert_eq!(fields["spin-client-addr"], expected);
            assert!(!fields.contains_key("x-forwarded-for"));
        }
    }

    #[test]
    fn what_a_client_claims_of_itself_is_removed() {
        let fields = sanitised(&[
            ("spin-path-info", "/forged"),
            ("forwarded", "for=198.51.100.1"),
            ("x-real-ip", "198.51.100.1"),
            ("accept", "*/*"),
        ]);
        let mut names: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "spin-client-addr", "spin-full-url"]);
        assert_eq!(fields["spin-full-url"], "https://example.com/a?b");
    }
}
