//! Owns the names of the forwarding fields: with them proxies describe the client, its request and the way of the
//! request.

use std::borrow::Cow;

/// Forwarding fields besides `X-Forwarded-…`, in alphabetical order. Each is trusted by some server or framework, so a
/// client that sets one could deceive it.
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

/// The forwarding fields that hold a single address, the client's.
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

/// Whether the field `name`, in lower case, is a forwarding field.
pub(super) fn is_forwarding(name: &str) -> bool {
    // A quick check: most fields begin with another letter.
    if !name.starts_with(['x', 'c', 'd', 'f', 'p', 't', 'w']) {
        return false;
    }
    // CGI and its successors cannot distinguish `X_Forwarded_Host` from `X-Forwarded-Host` (RFC 3875 §4.1.18).
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
