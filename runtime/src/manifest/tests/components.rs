//! What a manifest that is right is read as.

use http::header::CONTENT_TYPE;

use super::*;
use crate::limits;
use crate::router::Segment;

/// A manifest with every key that is supported.
const EVERYTHING: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "shop"
        version = "1.2.3"
        authors = ["A <a@example.com>"]
        description = "Sells things"
        targets = ["spin-up:3.3", { path = "env.toml" }]
        trigger.http.base = "/"
        tool.lint.level = 3

        [variables]
        host = { default = "example.com", description = "where" }
        key = { required = true, secret = true }

        [[trigger.http]]
        id = "shop-route"
        route = "/shop/:id/..."
        component = "hello"
        executor = { type = "http" }

        [component.hello]
        source = "hello.wasm"
        description = "Says hello"
        variables = { url = "https://{{ host }}/" }
        environment = { B = "2", A = "1" }
        allowed_outbound_hosts = ["https://{{ host }}", "http://hello.spin.internal"]
        key_value_stores = ["default"]
        sqlite_databases = ["default", "other-one"]
        ai_models = []
        targets = []
        tool.other = { anything = true }
        dependencies_inherit_configuration = false
        dependencies = {}
        profile.debug = { source = "debug.wasm" }

        [component.hello.build]
        command = ["make one", "make two"]
        workdir = "guest"
        watch = ["src/**/*.rs"]
        environment = { RUSTFLAGS = "-g" }
        "#;

#[test]
fn every_key_of_the_app_is_read() {
    let app = load(EVERYTHING);
    assert_eq!((&*app.name, &*app.version), ("shop", "1.2.3"));
    assert_eq!(
        app.variables["host"].default.as_deref(),
        Some("example.com")
    );
    assert!(app.variables["key"].secret && app.variables["key"].default.is_none());
    let Route::Path(pattern) = &app.triggers[0].route else {
        panic!("the route is a path");
    };
    assert_eq!(pattern.segments()[1], Segment::Parameter("id".into()));
    assert!(pattern.is_wildcard());
}

#[test]
fn every_key_of_a_component_is_read() {
    let app = load(EVERYTHING);
    let (index, hello) = app.component("hello").unwrap();
    assert_eq!(index, 0);
    assert_eq!(hello.description, "Says hello");
    let environment = [("B", "2"), ("A", "1")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(hello.environment, environment);
    assert_eq!(
        hello.variables["url"].variables().collect::<Vec<_>>(),
        ["host"]
    );
    assert_eq!(hello.allowed_outbound_hosts.len(), 2);
    assert_eq!(hello.sqlite_databases, ["default", "other-one"]);
    let build = hello.build.as_ref().unwrap();
    assert_eq!(build.command, ["make one", "make two"]);
    assert_eq!(build.workdir, app.directory.join("guest"));
    let labels: Vec<_> = app
        .labels
        .iter()
        .map(|label| (label.kind.key(), &*label.label))
        .collect();
    let expected = [
        ("key_value_stores", "default"),
        ("sqlite_databases", "default"),
        ("sqlite_databases", "other-one"),
    ];
    assert_eq!(labels, expected);
}

#[test]
fn defaults_are_the_documented_ones() {
    let app = load(&format!("{HEAD}{HELLO}"));
    let expected = ComponentLimits {
        timeout: Duration::from_secs(30),
        cpu: Duration::from_secs(10),
        memory: 128 * limits::MIB,
        concurrency: 256,
        queue: 1024,
        request_body: 10 * limits::MIB,
        reuse: Reuse::Shared {
            requests: 10_000,
            concurrent: 1,
            idle: Duration::from_secs(10),
        },
        cache: true,
    };
    assert_eq!(app.components[0].limits, expected);
}

#[test]
fn limits_are_read_from_the_table_of_the_tool() {
    let limits = "[component.hello.tool.terrace]\ntimeout = '5s'\ncpu = '100ms'\nmemory = '64MiB'\n\
        concurrency = 8\nqueue = 0\nrequest_body = '1MiB'\nreuse = { requests = 5, idle = '1s' }\ncache = false";
    let app = load(&format!("{HEAD}{HELLO}\n{limits}"));
    let expected = ComponentLimits {
        timeout: Duration::from_secs(5),
        cpu: Duration::from_millis(100),
        memory: 64 * limits::MIB,
        concurrency: 8,
        queue: 0,
        request_body: limits::MIB,
        reuse: Reuse::Shared {
            requests: 5,
            concurrent: limits::DEFAULT_REUSE_CONCURRENT,
            idle: Duration::from_secs(1),
        },
        cache: false,
    };
    assert_eq!(app.components[0].limits, expected);
}

#[test]
fn reuse_can_be_switched_off() {
    let app = load(&format!("{HEAD}{HELLO}\ntool.terrace.reuse = 'fresh'"));
    assert_eq!(app.components[0].limits.reuse, Reuse::Fresh);
}

#[test]
fn a_component_may_stand_within_its_trigger() {
    let trigger = "[[trigger.http]]\nroute = '/x'\ncomponent = { source = 'hello.wasm' }\n\
        [[trigger.http]]\nid = 'named'\nroute = { private = true }\ncomponent = { source = 'hello.wasm' }";
    let app = load(&format!("{HEAD}{HELLO}\n{trigger}"));
    let ids: Vec<_> = app
        .components
        .iter()
        .map(|component| &*component.id)
        .collect();
    assert_eq!(ids, ["hello", "inline-1", "named-component"]);
    assert!(matches!(app.triggers[1].target, Target::Component(1)));
    assert_eq!(app.triggers[2].route, Route::Private);
    assert!(app.routes().all(|(trigger, _)| trigger != 2));
}

#[test]
fn a_trigger_may_hold_its_response() {
    let trigger = "[[trigger.http]]\nroute = '/x'\n\
        static_response = { status_code = 404, headers = { content-type = 'text/plain' }, body = 'no' }";
    let app = load(&format!("{HEAD}{trigger}"));
    let Target::Static(response) = &app.triggers[0].target else {
        panic!("the target is a response");
    };
    assert_eq!((response.status.as_u16(), &*response.body), (404, "no"));
    assert_eq!(response.headers[CONTENT_TYPE], "text/plain");
}

#[test]
fn one_command_may_stand_alone() {
    let app = load(&format!("{HEAD}{HELLO}\nbuild.command = 'make'"));
    assert_eq!(app.components[0].build.as_ref().unwrap().command, ["make"]);
}

#[test]
fn components_and_triggers_keep_the_order_of_the_manifest() {
    let more = "[component.b]\nsource = 'hello.wasm'\n[component.a]\nsource = 'hello.wasm'";
    let app = load(&format!("{HEAD}{HELLO}\n{more}"));
    let ids: Vec<_> = app
        .components
        .iter()
        .map(|component| &*component.id)
        .collect();
    assert_eq!(ids, ["hello", "b", "a"]);
}

#[test]
fn an_app_can_be_read_before_it_is_built() {
    let directory = directory(&format!("{HEAD}{HELLO}\nfiles = ['made/by/build.html']"));
    fs::remove_file(directory.path().join("hello.wasm")).unwrap();
    assert!(App::load(directory.path()).is_err());
    assert!(App::load_unbuilt(directory.path()).is_ok());
}

/// An app of one component with these lines in its table of Terrace's.
fn consuming(lines: &str) -> String {
    format!(
        "spin_manifest_version = 2\napplication.name = 'shop'\n\
         trigger.http = [{{ route = '/', static_response = {{ body = 'a' }} }}]\n[component.a]\nsource = 'hello.wasm'\n\
         allowed_outbound_hosts = ['http://mail.queue.internal', 'http://events.queue.internal']\n\
         [component.a.tool.terrace]\n{lines}\n"
    )
}

#[test]
fn what_a_component_consumes_is_read() {
    let app = load(&consuming(
        "consumes = [{ queue = 'mail' }, { types = ['a.b', 'c.*'], source = '/s', concurrency = 2, retries = 0, \
         backoff = '10m', timeout = '1h', ordered_by = 'subject', batch = 10 }]",
    ));
    let consumes: Vec<_> = app.consumes().collect();
    assert_eq!(consumes[0].queue(), "mail");
    assert_eq!(
        consumes[0].concurrency,
        limits::DEFAULT_CONSUMER_CONCURRENCY
    );
    let events = consumes[1];
    assert_eq!(events.queue(), "events.a");
    assert_eq!(
        (events.concurrency, events.retries, events.batch),
        (2, 0, 10)
    );
    assert_eq!(
        events.max_backoff, events.backoff,
        "the longest pause is no shorter than the first"
    );
    assert_eq!(events.ordered_by.as_deref(), Some("subject"));
    for (kind, source, is_taken) in [
        ("a.b", "/s", true),
        ("a.b.c", "/s", false),
        ("c.", "/s", true),
        ("c.d", "/other", false),
    ] {
        assert_eq!(
            events.takes("events", kind, source),
            is_taken,
            "{kind} {source}"
        );
    }
    assert!(!events.takes("mail", "a.b", "/s"));
}
