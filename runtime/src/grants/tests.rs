//! Tables of what each form of grant allows, and what is refused.

use proptest::prelude::*;

use super::*;

/// Whether `entry` allows `url`, which is written `scheme://host` or `scheme://host|port`.
fn allows(entry: &str, url: &str) -> bool {
    let hosts = AllowedHosts::parse(&[entry]).unwrap();
    let (scheme, authority) = url.split_once("://").unwrap();
    let (host, port) = match authority.split_once('|') {
        Some((host, port)) => (host, Some(port.parse().unwrap())),
        None => (authority, None),
    };
    hosts.allows(scheme, host, port, None)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each form")]
fn each_form_allows_what_it_names_and_nothing_else() {
    let table = [
        ("http://a.test", "http://a.test", true),
        ("http://A.test", "http://a.TEST", true),
        ("http://a.test", "http://a.test|80", true),
        ("http://a.test", "http://a.test|81", false),
        ("http://a.test", "https://a.test", false),
        ("http://a.test", "http://b.a.test", false),
        ("http://a.test/", "http://a.test", true),
        ("http://a.test:80/", "http://a.test", true),
        ("https://a.test:8443", "https://a.test|8443", true),
        ("https://a.test:8443", "https://a.test", false),
        ("http://*.a.test", "http://b.a.test", true),
        ("http://*.a.test", "http://c.b.a.test", true),
        ("http://*.a.test", "http://a.test", false),
        ("http://*.a.test", "http://.a.test", false),
        ("http://*.a.test", "http://nota.test", false),
        ("http://*", "http://anything", true),
        ("http://*", "http://anything|81", false),
        ("http://*:*", "http://anything|81", true),
        ("*://a.test:*", "redis://a.test", true),
        ("*://*:*", "unheard://of", true),
        ("*://a.test:1234", "unheard://a.test", false),
        ("*://a.test:1234", "unheard://a.test|1234", true),
        ("redis://a.test", "redis://a.test|6379", true),
        ("postgres://a.test", "postgres://a.test|5432", true),
        ("mysql://a.test", "mysql://a.test|3306", true),
        ("mqtt://a.test", "mqtt://a.test|1883", true),
        ("http://a.test:8000..8002", "http://a.test|7999", false),
        ("http://a.test:8000..8002", "http://a.test|8000", true),
        ("http://a.test:8000..8002", "http://a.test|8001", true),
        ("http://a.test:8000..8002", "http://a.test|8002", false),
        ("http://10.0.0.0/8", "http://10.1.2.3", true),
        ("http://10.1.2.3/8:80", "http://10.200.0.1", true),
        ("http://10.0.0.0/8", "http://11.0.0.1", false),
        ("http://10.0.0.0/8", "http://ten.test", false),
        ("http://127.0.0.1:8080", "http://127.0.0.1|8080", true),
        (
            "http://127.0.0.1:8080",
            "http://[::ffff:127.0.0.1]|8080",
            true,
        ),
        ("http://[::1]:8080", "http://[::1]|8080", true),
        ("http://[::1]:8080", "http://::1|8080", true),
        ("http://[fd00::/8]:80", "http://[fd12::1]", true),
        ("http://[::1]", "http://[0:0:0:0:0:0:0:1]", true),
        ("http://api.spin.internal", "http://api.spin.internal", true),
        (
            "http://api.spin.internal",
            "http://other.spin.internal",
            false,
        ),
        ("http://*.spin.internal", "http://other.spin.internal", true),
        ("http://self", "http://self", false),
    ];
    for (entry, url, expected) in table {
        assert_eq!(allows(entry, url), expected, "{entry} and {url}");
    }
}

#[test]
fn entries_of_other_forms_are_refused() {
    let table = [
        "insecure:allow-all",
        "*",
        "?",
        "a.test",
        "http:/a.test",
        "://a.test",
        "ht-tp://a.test",
        "http://a.test/path",
        "http://a.test:80/path",
        "http://",
        "http://:80",
        "http://a b",
        "http://a.*.test",
        "http://*a.test",
        "http://*.",
        "http://*.*.test",
        "http://user@a.test",
        "http://{a.test,b.test}",
        "{http,https}://a.test",
        "http://a.test:{80,81}",
        "http://a.test:",
        "http://a.test:65536",
        "http://a.test:-1",
        "http://a.test:9..8",
        "http://a.test:8..8",
        "http://a.test:8..x",
        "http://::1",
        "http://fd00::/8",
        "http://[::1",
        "http://[::1]x",
        "*://a.test",
        "tcp://a.test",
        "http://.a.test",
        "http://[",
        "http://é",
    ];
    for entry in table {
        let reason = Grant::parse(entry).expect_err(entry);
        assert!(reason.suggestion.is_some(), "{entry}");
    }
}

#[test]
fn nothing_is_allowed_by_default() {
    assert!(!AllowedHosts::default().allows("http", "a.test", None, None));
    assert!(!AllowedHosts::default().allows_self("http"));
}

#[test]
fn entries_that_resolve_to_nothing_grant_nothing() {
    let hosts = AllowedHosts::parse(&["", " ", "http://", "https://"]).unwrap();
    assert_eq!(hosts, AllowedHosts::default());
}

#[test]
fn a_network_allows_a_name_by_its_resolved_address() {
    let hosts = AllowedHosts::parse(&["http://10.0.0.0/8"]).unwrap();
    let resolved = |ip: &str| Some(ip.parse().unwrap());
    assert!(hosts.allows("http", "db.test", None, resolved("10.0.0.9")));
    assert!(hosts.allows("http", "db.test", None, resolved("::ffff:10.0.0.9")));
    assert!(!hosts.allows("http", "db.test", None, resolved("192.0.2.1")));
}

#[test]
fn an_address_that_was_not_resolved_to_cannot_be_claimed() {
    let hosts = AllowedHosts::parse(&["http://10.0.0.0/8"]).unwrap();
    let elsewhere = Some("192.0.2.1".parse().unwrap());
    assert!(!hosts.allows("http", "10.0.0.9", None, elsewhere));
}

#[test]
fn calling_the_own_app_needs_self_or_every_host() {
    for (entry, expected) in [
        ("http://self", true),
        ("http://self.alt", true),
        ("http://*", true),
        ("https://self", false),
        ("http://a.test", false),
    ] {
        let hosts = AllowedHosts::parse(&[entry]).unwrap();
        assert_eq!(hosts.allows_self("http"), expected, "{entry}");
    }
}

#[test]
fn a_grant_tells_which_component_it_names() {
    let component = |entry| Grant::parse(entry).unwrap().component().map(str::to_owned);
    assert_eq!(
        component("http://api.spin.internal").as_deref(),
        Some("api")
    );
    assert_eq!(component("http://*.spin.internal"), None);
    assert_eq!(component("http://notspin.internal"), None);
}

proptest! {
    #[test]
    fn any_entry_and_any_target_get_an_answer(entry in ".*", tail in ".*", host in ".*") {
        let _ = Grant::parse(&entry);
        if let Ok(hosts) = AllowedHosts::parse(&[format!("http://{tail}")]) {
            hosts.allows("http", &host, None, None);
        }
    }
}
