//! Settings and what is found wrong with them.

use std::time::Duration;

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::settings::ServerLimits;

mod cluster;
mod rates;

fn judge(text: &str) -> Result<Config, Faults> {
    let (file, text) = ("/etc/terrace/terrace.toml".into(), text.into());
    Settings::new(Source { file, text }).judge(Path::new("/state"))
}

fn config(text: &str) -> Config {
    judge(text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Checks that settings have exactly one fault, on their last line, that says `expected`.
fn check(text: &str, expected: &str) {
    let faults = judge(text).err().expect("the settings are wrong");
    let said = faults.to_string();
    assert_eq!(faults.0.len(), 1, "{said}");
    assert!(
        said.contains(expected),
        "`{expected}` is not said by\n{said}"
    );
    let line = faults.0[0].position.as_ref().map(|position| position.line);
    assert_eq!(line, Some(text.lines().count()), "{said}");
}

#[test]
fn an_absent_file_is_the_smallest_installation() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::read_if_present(&directory.path().join(SETTINGS_FILE)).unwrap();
    let config = settings
        .judge(Path::new(STATE_DIRECTORY))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.listen.http.to_string(), "127.0.0.1:3000");
    assert_eq!(config.listen.admin.unwrap().to_string(), "127.0.0.1:3001");
    assert_eq!(
        config.sql[DEFAULT_LABEL],
        Engine::Sqlite(".terrace/default.db".into())
    );
    assert_eq!(
        config.kv[DEFAULT_LABEL],
        StoreEngine::Sqlite(".terrace/kv.db".into())
    );
    assert_eq!(config.cache_directory, Path::new(".terrace/cache"));
    assert_eq!(config.log.access, AccessLog::Human);
    assert!(config.listen.trusted_proxies.is_empty() && config.variables.is_empty());
    assert_eq!(
        (config.cache.memory, config.edge.origins),
        (Some(256 << 20), Vec::new())
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let faults = Settings::read(Path::new("/nowhere/terrace.toml")).unwrap_err();
    assert!(
        faults
            .to_string()
            .contains("/nowhere/terrace.toml: cannot be read")
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line for each key")]
fn every_key_is_read() {
    let config = config(
        r#"
        [listen]
        http = "0.0.0.0:80"
        admin = "off"
        admin_hosts = ["Metrics.example.com"]
        workers = 3
        trusted_proxies = ["10.0.0.0/8", "::1"]
        trusted_fields = ["X-Real-IP"]
        [limits]
        header_bytes = "8KiB"
        header_count = 50
        header_timeout = "1s"
        body_timeout = "2s"
        min_rate = "1KiB"
        keep_alive_timeout = "3s"
        connections = 4
        drain_timeout = "5s"
        [limits.rate]
        client = "100/s"
        routes = { "/api/login" = "5/m" }
        components = { api = "20/h" }
        [log]
        access = "json"
        level = "debug"
        [variables]
        host = "example.com"
        [sql.default]
        url = "sqlite:data/app.db"
        [kv.sessions]
        url = "sqlite:/var/sessions.db"
        [kv.shared]
        url = "rediss://cache:6379/1"
        password_variable = "PATH"
        prefix = "shop"
        [cache]
        memory = "64MiB"
        max_response = "8MiB"
        targeted_fields = ["Own-Control", "CDN-Cache-Control"]
        negative = { 404 = "10s" }
        stale_if_unreachable = "5m"
        compression = false
        set_cookie = "store"
        shared = "redis://cache:6379/2"
        shared_password_variable = "PATH"
        query = { ignore = ["utm_*"], sort = true }
        cookies = { keep = ["session"] }
        [edge]
        origins = ["https://example.com", "dns+http://nodes:3000"]
        connect_timeout = "1s"
        first_byte_timeout = "2s"
        between_bytes_timeout = "3s"
        silence_timeout = "5s"
        request_timeout = "4s"
        websocket_timeout = "9s"
        request_body = "1GiB"
        origin_protocol = 'http/2'
hedge_after = '10ms'
shield = ['http://shield:3000']
connections = 9
        [cluster]
        url = "redis://:hush@registry/1"
        password_variable = "PATH"
        advertise = "http://10.0.0.5:3000"
        app = "shop"
        allow_local = true
        [edge.health]
        path = "/healthy"
        interval = "6s"
        timeout = "7s"
        failures = 8
        [outbound_networking]
        block_networks = ["private", "203.0.113.0/24"]
        [runtime]
        cache_dir = "compiled"
        memory = "2GiB"
        "#,
    );
    assert_eq!(
        (config.listen.admin, config.listen.workers.get()),
        (None, 3)
    );
    assert_eq!(config.listen.admin_hosts, ["metrics.example.com"]);
    assert_eq!(config.listen.trusted_proxies.len(), 2);
    assert_eq!(config.listen.trusted_fields, ["x-real-ip"]);
    assert_eq!(config.blocked_networks.len(), 15);
    let expected = ServerLimits {
        max_header_bytes: 8192,
        max_header_count: 50,
        header_timeout: Duration::from_secs(1),
        body_progress_timeout: Duration::from_secs(2),
        min_rate: 1024,
        keep_alive_timeout: Duration::from_secs(3),
        max_connections: 4,
        drain_timeout: Duration::from_secs(5),
        ..ServerLimits::standard()
    };
    assert_eq!(config.limits, expected);
    let quota = |requests, seconds| Quota {
        requests,
        window: Duration::from_secs(seconds),
    };
    let rates = &config.rates;
    assert_eq!(rates.client, Some(quota(100, 1)));
    assert_eq!(
        (rates.routes[0].0.raw(), rates.routes[0].1),
        ("/api/login", quota(5, 60))
    );
    assert_eq!(
        (&*rates.components[0].0, rates.components[0].1),
        ("api", quota(20, 3_600))
    );
    assert_eq!(
        (config.log.access, config.log.level),
        (AccessLog::Json, LogLevel::Debug)
    );
    assert_eq!(config.variables["host"], "example.com");
    assert_eq!(
        config.sql["default"],
        Engine::Sqlite("/etc/terrace/data/app.db".into())
    );
    assert_eq!(
        config.kv["sessions"],
        StoreEngine::Sqlite("/var/sessions.db".into())
    );
    let StoreEngine::Redis(shared) = &config.kv["shared"] else {
        panic!("it is on Redis");
    };
    assert_eq!(shared.url, "rediss://cache:6379/1");
    assert_eq!(shared.password, crate::environment::variable("PATH"));
    assert_eq!(shared.prefix.as_deref(), Some("shop"));
    assert!(config.kv.contains_key(DEFAULT_LABEL));
    let own: http::HeaderName = "own-control".parse().unwrap();
    let expected = Cache {
        memory: Some(64 << 20),
        max_response: Some(8 << 20),
        targeted_fields: [own, "cdn-cache-control".parse().unwrap()].into(),
        negative: vec![(StatusCode::NOT_FOUND, Duration::from_secs(10))],
        stale_if_unreachable: Duration::from_secs(300),
        compression: false,
        set_cookie: SetCookie::Store,
        shared: Some(Redis {
            url: "redis://cache:6379/2".to_owned(),
            password: crate::environment::variable("PATH"),
            prefix: None,
        }),
        disk: None,
        key_rules: config.cache.key_rules.clone(),
    };
    let rules = &config.cache.key_rules;
    let keeps = |names: &Option<Names>, name| names.as_ref().unwrap().keeps(name);
    assert!(rules.sorts_query && keeps(&rules.query, "page") && !keeps(&rules.query, "utm_x"));
    assert!(keeps(&rules.cookies, "session") && !keeps(&rules.cookies, "sessions"));
    assert_eq!(config.cache, expected);
    let mut origins = Vec::new();
    for text in ["https://example.com", "dns+http://nodes:3000"] {
        OriginEntry::add(text, &mut origins).unwrap();
    }
    let expected = Edge {
        origins,
        shield: vec![Origin::parse("http://shield:3000").unwrap()],
        connect_timeout: Duration::from_secs(1),
        first_byte_timeout: Duration::from_secs(2),
        between_bytes_timeout: Duration::from_secs(3),
        silence_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(4),
        websocket_timeout: Duration::from_secs(9),
        request_body: 1 << 30,
        connections: 9,
        origin_protocol: OriginProtocol::Http2,
        origin_ca: None,
        hedge_after: Some(Duration::from_millis(10)),
        health: HealthChecks {
            path: Some("/healthy".parse().unwrap()),
            interval: Some(Duration::from_secs(6)),
            timeout: Duration::from_secs(7),
            failures: 8,
        },
    };
    assert_eq!(config.edge, expected);
    let cluster = config.cluster.unwrap();
    assert_eq!(cluster.redis.url, "redis://:hush@registry/1");
    assert_eq!(cluster.redis.password, crate::environment::variable("PATH"));
    assert_eq!(
        cluster.advertise.unwrap().to_string(),
        "http://10.0.0.5:3000"
    );
    assert_eq!(cluster.app.as_deref(), Some("shop"));
    assert!(cluster.allow_local);
    assert_eq!(config.cache_directory, Path::new("/etc/terrace/compiled"));
    assert_eq!(config.instance_memory, 2 << 30);
}

#[test]
fn unknown_keys_are_faults_with_the_nearest_known_one() {
    check("[lisen]", "did you mean `listen`?");
    check("[listen]\nhtpp = '127.0.0.1:1'", "did you mean `http`?");
    check("[limits]\nconnection = 1", "did you mean `connections`?");
    check("[log]\nlevle = 'info'", "did you mean `level`?");
    check(
        "[sql.default]\nurl = 'sqlite:a'\n[sql.other]\nurl = 'sqlite:a'\nulr = ''",
        "did you mean `url`?",
    );
    check("[runtime]\nmemry = '1GiB'", "did you mean `memory`?");
    check("[cache]\nmemry = '1GiB'", "did you mean `memory`?");
    check("[edge]\norigin = ''", "did you mean `origins`?");
}

#[test]
fn keys_of_later_versions_are_refused_and_not_ignored() {
    check(
        "[sql.default]\nurl = 'sqlite:a'\nreplicas = []",
        "a database in a file has no replicas",
    );
    check(
        "[sql.default]\nurl = 'postgres://app@db/app'\nreplicas = ['sqlite:a']",
        "the URL of a replica is not one of Postgres",
    );
    check(
        "[kv.default]\nurl = 'postgres://app@db/app'",
        "key-value stores are not on Postgres",
    );
    check(
        "[sql.default]\nurl = 'redis://cache:6379/0'",
        "databases are not on Redis",
    );
}

#[test]
fn queues_have_a_place_of_their_own_and_room() {
    check("[queue]\nurl = 'redis://a'", "queues are not on Redis");
    check("[queue]\nurl = 'queue.db'", "no scheme");
    check("[queue]\nmessages = 0", "must be from 1");
    check(
        "[sql.default]\nurl = 'sqlite:./a.db'\n[queue]\nurl = 'sqlite:a.db'",
        "is a database or a key-value store",
    );
    let on_postgres = judge("[queue]\nurl = 'postgres://a/b'\nconnections = 3").unwrap();
    let QueueEngine::Postgres(postgres) = on_postgres.queue.engine else {
        panic!("it is on Postgres");
    };
    assert_eq!(postgres.connections.get(), 3);
    let of_nats = judge("[queue]\nurl = 'nats://a'\nprefix = 'p'\nledger = 'sqlite:l.db'").unwrap();
    let QueueEngine::JetStream(jetstream) = &of_nats.queue.engine else {
        panic!("it is on NATS");
    };
    assert_eq!(
        (jetstream.prefix.as_deref(), jetstream.replicas),
        (Some("p"), 1)
    );
    assert!(of_nats.queue.engine.file().unwrap().ends_with("l.db"));
    check(
        "[queue]\nurl = 'nats://a'\nledger = 'nats://b'",
        "needs a file or a database",
    );
    check(
        "[queue]\nurl = 'sqlite:q.db'\nledger = 'sqlite:l.db'",
        "ledger",
    );
    check(
        "[queue]\nurl = 'sqlite:q.db'\nconnections = 3",
        "connections",
    );
    let config = judge("[queue]\nurl = 'sqlite:q.db'\nbytes = '2MiB'").unwrap();
    assert_eq!(config.queue.room.bytes, 2 << 20);
}

#[test]
fn values_that_make_no_sense_for_an_edge_are_refused() {
    check("[edge]\norigins = []", "is empty");
    check("[edge]\norigins = ['a']", "no scheme");
    check("[edge]\norigins = 'http://a'", "must be a list");
    check("[edge]\norigins = ['http://a', 'http://A:80']", "twice");
    check("[edge.health]\npath = 'readyz'", "not the path of a URL");
    check("[edge.health]\ninterval = '0s'", "is not a duration");
    check("[edge]\nconnections = 0", "must be from 1 to 60000");
    check("[edge.health]\nfailures = 0", "must be from 1 to 1000");
    check("[edge.health]\ninterval = 'off'\npath = '/'", "has no use");
    check("[edge.health]\nfailure = 1", "did you mean `failures`?");
    check("[edge]\nconnect_timeout = 1", "`1` is not a duration");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    check(
        "[listen]\nhttp = 'localhost:3000'",
        "not an address to listen on",
    );
    check("[listen]\nadmin = 'on'", "not an address to listen on");
    check("[listen]\nworkers = 0", "must be from 1 to 1024");
    check(
        "[listen]\ntrusted_proxies = ['10.0.0.0/33']",
        "not a network",
    );
    check("[limits]\nheader_timeout = 10", "`10` is not a duration");
    check("[limits]\nheader_bytes = '0B'", "is not a size");
    check("[limits]\nconnections = 0", "must be from 1");
    check("[log]\naccess = 'jsno'", "did you mean `json`?");
    check("[log]\nlevel = 'loud'", "the possible values are");
    check("[variables]\nA = 'x'", "cannot be a variable's name");
    check("[sql.default]\nurl = 'sqlite:'", "has no path");
    check("[sql.default]\nurl = 'app.db'", "has no scheme");
    check(
        "[sql.default]\nurl = 'ftp://x'",
        "scheme of the URL is not known",
    );
    check("[sql.default]", "`url` is missing");
    check("[sql]\n'b@d' = { url = 'sqlite:a' }", "cannot be a label");
    check("listen = 1", "must be a table");
    check("[cache]\nmemory = 'on'", "is not a size");
    check("[cache]\nmemory = '1023KiB'", "too little for a cache");
    check(
        "[cache]\nmemory = '8MiB'\nmax_response = '1025KiB'",
        "push out most of the others",
    );
    check("[cache]\ntargeted_fields = ['a b']", "cannot be the name");
    check("[cache]\nshared = 'http://a'", "not one of Redis");
    check(
        "[cache]\nmemory = 'off'\nshared = 'redis://a/1'",
        "shares none",
    );
    check(
        "[cache]\nnegative = { 200 = '1s' }",
        "not the status of a failure",
    );
    check("[cache]\nnegative = { 404 = '1' }", "is not a duration");
    check("[cache]\ncompression = 'yes'", "must be `true` or `false`");
    check(
        "listen = { http = '127.0.0.1:9', admin = '127.0.0.1:9' }",
        "the same address",
    );
}

#[test]
fn all_faults_come_at_once() {
    let faults = judge("[lisen]\n[log]\nlevel = 1\n[queue]\nmessages = 0\n")
        .err()
        .unwrap();
    assert_eq!(faults.0.len(), 3, "{faults}");
}

#[test]
fn a_label_without_an_engine_is_a_fault_at_its_line_in_the_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = "spin_manifest_version = 2\napplication.name = 'a'\n[[trigger.http]]\nroute = '/'\n\
        component = 'a'\n[component.a]\nsource = 'a.wasm'\nkey_value_stores = ['default', 'sessions']\n\
        sqlite_databases = ['default', 'sessions']";
    fs::write(directory.path().join("spin.toml"), manifest).unwrap();
    let app = App::load_unbuilt(directory.path()).unwrap();
    let text = config("").check_labels(&app).unwrap_err().to_string();
    assert!(
        text.contains("spin.toml:8:32: unknown key_value_stores label `sessions`"),
        "{text}"
    );
    assert!(
        text.contains("add `[kv.sessions]` with `url = \"sqlite:PATH\"` to terrace.toml"),
        "{text}"
    );
    assert!(
        text.contains("spin.toml:9:32: unknown sqlite_databases label `sessions`"),
        "{text}"
    );
    let known = config("kv.sessions.url = 'sqlite:a'\nsql.sessions.url = 'sqlite:b'");
    assert_eq!(known.check_labels(&app), Ok(()));
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "(?s).*", key in "(listen|limits|log|sql|kv|cache|edge|runtime)", value in "[ -~]{0,9}") {
        for text in [text, format!("{key} = {value}"), format!("[{key}.{value}]\nurl = '{value}'")] {
            if let Some(faults) = judge(&text).err() {
                prop_assert!(!faults.0.is_empty());
            }
        }
    }
}

#[test]
fn a_store_on_redis_needs_a_plain_prefix_and_its_password() {
    let redis = "[kv.default]\nurl = 'redis://cache'";
    check(&format!("{redis}\nprefix = 'a:b'"), "cannot be a prefix");
    let variable = "password_variable = 'TERRACE_NOT_SET'";
    check(&format!("{redis}\n{variable}"), "is not set");
    check(&format!("{redis}\nconnections = 1"), "unknown key");
}

/// A key after the faulty one is not called unknown.
#[test]
fn a_password_that_is_not_set_is_the_only_fault() {
    for settings in [
        "[cache]\nshared = 'redis://cache'\nshared_password_variable = 'TERRACE_NOT_SET'",
        "[kv.default]\nurl = 'redis://cache'\nprefix = 'a'\npassword_variable = 'TERRACE_NOT_SET'",
        "[queue]\nurl = 'nats://queue'\nprefix = 'a'\nledger = 'postgres://db'\nledger_password_variable = 'TERRACE_NOT_SET'\npassword_variable = 'PATH'",
        "[sql.default]\nurl = 'postgres://db'\nconnections = 2\npassword_variable = 'TERRACE_NOT_SET'",
    ] {
        let faults = judge(settings).err().unwrap();
        assert_eq!(faults.0.len(), 1, "{faults}");
        assert!(faults.to_string().contains("is not set"), "{faults}");
    }
}

#[test]
fn a_database_and_a_key_value_store_in_one_file_are_refused() {
    let one = "`[sql.default]` and `[kv.default]` are one file";
    check("[sql.default]\nurl = 'sqlite:/state/kv.db'", one);
    check("[kv.default]\nurl = 'sqlite:/state/default.db'", one);
    check("[kv.default]\nurl = 'sqlite:../../state/./default.db'", one);
    check(
        "[sql.app]\nurl = 'sqlite:data/app.db'\n[kv.sessions]\nurl = 'sqlite:data/../data/app.db'",
        "`[sql.app]` and `[kv.sessions]` are one file, /etc/terrace/data/../data/app.db",
    );
    config("[kv.one]\nurl = 'sqlite:kv.db'\n[kv.two]\nurl = 'sqlite:kv.db'");
    config("[sql.one]\nurl = 'sqlite:a.db'\n[sql.two]\nurl = 'sqlite:a.db'");
}

#[test]
fn names_that_make_no_difference_are_names() {
    for name in ["", "*", "a=b", "a*b", "a b"] {
        let text = format!("[cache]\nquery = {{ ignore = ['{name}'] }}");
        check(&text, "is not the name of a parameter or cookie");
    }
    check(
        "[cache]\ncookies = { ignore = ['a'], keep = ['b'] }",
        "so `ignore` has no use",
    );
    check("[cache]\ncookies = { sort = true }", "sort");
}

#[test]
fn a_cache_on_disk_has_a_folder_and_a_size() {
    let disk = "disk = { path = 'cache', size = '1GiB' }";
    let cache = config(&format!("[cache]\n{disk}")).cache;
    let expected = CacheDisk {
        path: "/etc/terrace/cache".into(),
        size: 1 << 30,
    };
    assert_eq!(cache.disk, Some(expected));
    for (lines, expected) in [
        ("disk = { path = 'cache' }", "`size`"),
        ("disk = { size = '1GiB' }", "`path`"),
        ("disk = { path = 'cache', size = '1MiB' }", "is too little"),
        (
            "memory = 'off'\ndisk = { path = 'c', size = '1GiB' }",
            "has nothing to keep",
        ),
        (
            "shared = 'redis://a'\ndisk = { path = 'c', size = '1GiB' }",
            "cannot be used together",
        ),
    ] {
        check(&format!("[cache]\n{lines}"), expected);
    }
}
