//! What is found in an app and its settings.

use std::fs;

use super::*;
use crate::serving::ServingOptions;

const MANIFEST: &str = "
spin_manifest_version = 2
application = { name = 'shop' }
[[trigger.http]]
route = '/...'
component = 'a'
[component.a]
source = 'a.wasm'
key_value_stores = ['default']
sqlite_databases = ['default', 'orders']
[component.b]
source = 'a.wasm'
sqlite_databases = ['orders']
";

const STATE: &str = "sql.default.url = 'postgres://db'\nsql.orders.url = 'postgres://db/orders'\n\
    kv.default.url = 'redis://cache'\ncache.shared = 'redis://cache/1'\n";

/// What is wrong with so many nodes of the app with these settings.
fn found(nodes: u32, manifest: &str, settings: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("spin.toml", manifest),
        ("terrace.toml", settings),
        ("a.wasm", ""),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::create_dir(folder.path().join("migrations")).unwrap();
    fs::write(
        folder.path().join("migrations/0001_first.sql"),
        "CREATE TABLE a (b)",
    )
    .unwrap();
    let options = ServingOptions {
        manifest: folder.path().to_owned(),
        ..ServingOptions::default()
    };
    let inputs = AppInputs::read(&options).unwrap_or_else(|faults| panic!("{faults}"));
    let checked = inputs.check_alike(nodes);
    checked
        .err()
        .map(|faults| faults.to_string())
        .unwrap_or_default()
}

#[test]
fn each_state_of_one_node_is_named_once_with_its_line() {
    let orders = "sql.orders.url = 'sqlite:orders.db'";
    let found = found(2, MANIFEST, orders);
    for part in [
        "spin.toml:9:21: several nodes would each have a key-value store `default`",
        "spin.toml:10:21: several nodes would each have a database `default`",
        "spin.toml:10:32: several nodes would each have a database `orders`",
        "`[kv.default]` with `url = \"redis://",
        "`[sql.orders]` with `url = \"postgres://",
        "terrace.toml: several nodes would each have a cache of their own",
    ] {
        assert!(found.contains(part), "`{part}` is not in\n{found}");
    }
    assert_eq!(found.matches("several nodes").count(), 4, "{found}");
}

#[test]
fn state_that_nodes_share_is_fine() {
    assert_eq!(found(2, MANIFEST, STATE), "");
    assert_eq!(
        found(1, MANIFEST, "sql.orders.url = 'sqlite:orders.db'"),
        ""
    );
    let uncached = MANIFEST.replace(
        "source = 'a.wasm'",
        "source = 'a.wasm'\ntool.terrace.cache = false",
    );
    let without = STATE.replace("cache.shared = 'redis://cache/1'", "");
    assert_eq!(found(2, &uncached, &without), "");
    assert_eq!(
        found(2, MANIFEST, &format!("{without}cache.memory = 'off'")),
        ""
    );
}

#[test]
fn rate_limits_count_together_in_a_cluster_only() {
    let rate = format!("{STATE}limits.rate = '10/s'\n");
    assert!(found(2, MANIFEST, &rate).contains("each counts by itself"));
    assert_eq!(found(1, MANIFEST, &rate), "");
    let clustered = format!("{rate}cluster.url = 'redis://cache/2'");
    assert_eq!(found(2, MANIFEST, &clustered), "");
}

#[test]
fn nodes_of_a_cluster_are_alike_unless_the_settings_allow_otherwise() {
    let cluster = "cluster.url = 'redis://cache/2'\nsql.orders.url = 'postgres://db'";
    assert!(found(1, MANIFEST, cluster).contains("several nodes"));
    let allowed = format!("{cluster}\ncluster.allow_local = true");
    assert_eq!(found(1, MANIFEST, &allowed), "");
    assert!(found(2, MANIFEST, &allowed).contains("several nodes"));
}

#[test]
fn migrations_count_as_a_use_of_their_database() {
    let manifest = "
spin_manifest_version = 2
[application]
name = 'shop'
[application.tool.terrace.migrations]
default = 'migrations'
[[trigger.http]]
route = '/...'
static_response = { body = 'here' }
";
    assert!(found(2, manifest, "").contains("database `default`"));
}

#[test]
fn nodes_that_order_certificates_share_them() {
    let acme = "listen.https = '127.0.0.1:0'\n\
        tls.acme = { names = ['a.example'], contact = 'mailto:a@example.com' }\n";
    assert_eq!(found(2, MANIFEST, &format!("{STATE}{acme}")), "");
    let alone = STATE.replace("cache.shared = 'redis://cache/1'", "cache.memory = 'off'");
    let found = found(2, MANIFEST, &format!("{alone}{acme}"));
    assert!(found.contains("each order certificates"), "{found}");
}

#[test]
fn queues_in_a_file_are_found_as_what_tells_nodes_apart() {
    let manifest = format!("{MANIFEST}[[component.b.tool.terrace.consumes]]\nqueue = 'mail'\n");
    assert_eq!(found(1, &manifest, STATE), "");
    let found = found(2, &manifest, STATE);
    assert!(found.contains("spin.toml:14"), "{found}");
    assert!(found.contains("queues of their own"), "{found}");
}
