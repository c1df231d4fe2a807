//! Owns the names of the fields by which proxies say for whom, by which way and for what they ask.

use std::borrow::Cow;

/// Fields beside `X-Forwarded-…` that say who the client is or what it asked for, in the order of the alphabet. Servers
/// and frameworks believe one or another of them, so a client that writes one chooses what they see.
const FORWARDING: [&str; 32] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "cloudfront-forwarded-proto",
    "do-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "front-end-https",
    "proxy-client-ip",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-host",
    "x-host-override",
    "x-http-host-override",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-originating-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
];

/// The fields among them that hold one address, which is the client's.
pub(super) const SINGLE_ADDRESSES: [&str; 15] = [
    "x-real-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "do-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-remote-addr",
    "x-remote-ip",
];

/// Whether the field `name`, in lower case, is one that proxies set about a request.
pub(super) fn is_forwarding(name: &str) -> bool {
    // Most fields of most requests begin with none of these.
    if !name.starts_with(['x', 'c', 'd', 'f', 'p', 't', 'w']) {
        return false;
    }
    // CGI and its heirs take `X_Forwarded_Host` for `X-Forwarded-Host` (RFC 3875 §4.1.18).
    let name = if name.contains('_') {
        Cow::Owned(name.replace('_', "-"))
    } else {
        Cow::Borrowed(name)
    };
    name.starts_with("x-forwarded-") || FORWARDING.binary_search(&&*name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_the_order_that_the_search_needs() {
        assert!(FORWARDING.is_sorted());
        assert!(FORWARDING.into_iter().all(is_forwarding));
        assert!(SINGLE_ADDRESSES.into_iter().all(is_forwarding));
    }

    #[test]
    fn a_name_with_underscores_is_the_same_field() {
        assert!(is_forwarding("x_forwarded_host") && is_forwarding("x-real_ip"));
        for other in [
            "x-requested-with",
            "forwarded-by",
            "content_type",
            "host",
            "x-forwarded",
        ] {
            assert!(!is_forwarding(other), "{other}");
        }
    }
}
