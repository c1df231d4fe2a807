//! `[cluster]` and what is found wrong with it.

use std::path::Path;

use super::{check, config};

#[test]
fn registry_is_on_redis_and_nodes_have_an_address() {
    check("[cluster]", "`url` is missing");
    check("[cluster]\nurl = 'http://a'", "not one of Redis");
    let url = "[cluster]\nurl = 'redis://a'";
    for (address, what) in [
        ("10.0.0.5:3000", "no scheme"),
        ("http://0.0.0.0:3000", "nobody can connect"),
        ("http://[::]:3000", "nobody can connect"),
    ] {
        check(&format!("{url}\nadvertise = '{address}'"), what);
    }
    check(
        &format!("{url}\npassword_variable = 'TERRACE_NOT_SET'"),
        "is not set",
    );
    check(
        &format!("{url}\nadvertize = 'http://a'"),
        "did you mean `advertise`?",
    );
}

#[test]
fn address_of_a_node_is_told_by_its_listener_or_by_the_settings() {
    let address = |keys: &str, listener: &str| {
        let cluster = config(&format!("[cluster]\nurl = 'redis://a'\n{keys}")).cluster;
        let address = cluster
            .unwrap()
            .address(listener.parse().unwrap(), Path::new("t"));
        address.map(|origin| origin.to_string())
    };
    let advertise = "advertise = 'https://node:8443'";
    assert_eq!(
        address("", "10.0.0.5:3000").unwrap(),
        "http://10.0.0.5:3000"
    );
    assert_eq!(address("", "[::1]:80").unwrap(), "http://[::1]:80");
    assert_eq!(
        address(advertise, "0.0.0.0:80").unwrap(),
        "https://node:8443"
    );
    for listener in ["0.0.0.0:80", "[::]:80"] {
        let fault = address("", listener).unwrap_err();
        assert!(fault.message.contains(listener), "{}", fault.message);
        assert!(fault.suggestion.unwrap().contains("advertise"));
        assert_eq!(fault.position.unwrap().line, 2);
    }
}
