//! `[outbound_networking]`: where no guest may connect to, named as in Spin's runtime configuration.

use ipnet::IpNet;

use super::listen::network;
use crate::document::Table;
use crate::fault::Reason;

/// What `"private"` stands for: addresses that are not globally reachable (RFC 6890 and its registries).
const PRIVATE: [&str; 14] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "::/127",
    "64:ff9b:1::/48",
    "fc00::/7",
    "fe80::/10",
];

pub(super) fn blocked_networks(root: &Table<'_>) -> Vec<IpNet> {
    let Some(table) = root.table("outbound_networking", "[outbound_networking]") else {
        return Vec::new();
    };
    let blocked = table.strings("block_networks").into_iter();
    let blocked = blocked
        .filter_map(|(place, _)| place.parsed(networks))
        .flatten()
        .collect();
    table.finish();
    blocked
}

fn networks(text: &str) -> Result<Vec<IpNet>, Reason> {
    if text != "private" {
        return network(text).map(|network| vec![network]);
    }
    let private = PRIVATE.iter().map(|network| network.parse());
    Ok(private
        .collect::<Result<_, _>>()
        .expect("a test parses them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_those_that_nobody_reaches_from_elsewhere() {
        let private = networks("private").unwrap();
        for (address, expected) in [
            ("10.1.2.3", true),
            ("127.0.0.1", true),
            ("169.254.169.254", true),
            ("192.168.1.1", true),
            ("::1", true),
            ("::", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("8.8.8.8", false),
            ("2606:4700::1111", false),
        ] {
            let address: std::net::IpAddr = address.parse().unwrap();
            let is_private = private.iter().any(|network| network.contains(&address));
            assert_eq!(is_private, expected, "{address}");
        }
    }
}
