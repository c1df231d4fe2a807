//! Every kind of fault: what is said, where, and what is suggested.

use super::*;

/// Checks that a component with `line` in it has exactly one fault, on that line, that says `expected`.
fn component(line: &str, expected: &str) {
    one(&format!("{HEAD}{HELLO}\n{line}"), expected);
}

/// Checks that a manifest has exactly one fault, on its last line, that says `expected`.
fn one(manifest: &str, expected: &str) {
    let found = faults(manifest);
    let text = Faults(found.clone()).to_string();
    assert_eq!(found.len(), 1, "{text}");
    assert!(
        text.contains(expected),
        "`{expected}` is not said by\n{text}"
    );
    let line = found[0]
        .position
        .as_ref()
        .map_or(0, |position| position.line);
    assert_eq!(line, manifest.lines().count(), "{text}");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    component("sorce = 'x'", "did you mean `source`?");
    component("tool.terrace.timout = '1s'", "did you mean `timeout`?");
    component("tool.terrace.reuse.request = 1", "did you mean `requests`?");
    component(
        "build = { command = 'a', workdirr = 'x' }",
        "did you mean `workdir`?",
    );
    component(
        "files = [{ source = 'hello.wasm', destination = '/', mode = 'r' }]",
        "unknown key `mode`",
    );
    one(
        &format!("{HEAD}{HELLO}[aplication]"),
        "did you mean `application`?",
    );
    one(
        &format!("{HEAD}{HELLO}[[trigger.htp]]"),
        "did you mean `http`?",
    );
    one(
        &format!("{HEAD}{HELLO}[variables]\na = {{ default = '', secrt = true }}"),
        "did you mean `secret`?",
    );
    let static_response = "static_response = { statuscode = 200 }";
    one(
        &format!("{HEAD}[[trigger.http]]\nroute = '/'\n{static_response}"),
        "did you mean `status_code`?",
    );
    let executor = "executor = { type = 'http', argv = '' }";
    one(
        &format!("{HEAD}{HELLO}\n[[trigger.http]]\nroute = '/'\ncomponent = 'hello'\n{executor}"),
        "unknown key `argv`",
    );
    one(
        &format!(
            "{HEAD}{HELLO}\n[[trigger.http]]\ncomponent = 'hello'\nroute = {{ private = true, b = 1 }}"
        ),
        "unknown key `b`",
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_is_expected() {
    component(
        "description = 1",
        "`description` in [component.hello] must be a string, found a whole number",
    );
    component(
        "key_value_stores = 'default'",
        "must be a list, found a string",
    );
    component(
        "key_value_stores = [1]",
        "an element of `key_value_stores` in [component.hello] must be a string",
    );
    component("environment = []", "must be a table, found a list");
    component("environment = { A = 1 }", "must be a string");
    component(
        "dependencies_inherit_configuration = 'yes'",
        "must be `true` or `false`",
    );
    component("files = [1]", "must be a string");
    component("build.command = 1", "must be a string");
    component("tool.terrace.timeout = 30", "`30` is not a duration");
    one(
        &format!("{HEAD}{HELLO}[component]\nb = 1"),
        "must be a table",
    );
}

#[test]
fn an_older_manifest_is_told_how_to_become_a_new_one() {
    one(
        "spin_manifest_version = '1'",
        "`spin_manifest_version = 2`, move `name`",
    );
    one("spin_version = '1'", "convert it");
    one("spin_manifest_version = 3", "unknown version");
    one("spin_manifest_version = 2.0", "unknown version");
    one("name = 'x'", "add `spin_manifest_version = 2`");
}

#[test]
fn an_app_has_a_name_and_a_trigger() {
    let found = faults(&format!("{HEAD}{HELLO}").replace("shop", " "));
    assert_eq!(found[0].message, "the name is empty");
    let found = faults("spin_manifest_version = 2");
    let messages: Vec<_> = found.iter().map(|fault| &*fault.message).collect();
    assert_eq!(
        messages,
        [
            "`application` is missing in the file",
            "`trigger` is missing in the file"
        ]
    );
}

#[test]
fn a_variable_is_either_required_or_has_a_default() {
    let variable = |text: &str, expected: &str| {
        one(&format!("{HEAD}{HELLO}[variables]\n{text}"), expected);
    };
    variable("a = { required = true, default = 'x' }", "keep one of");
    variable(
        "a = { secret = true }",
        "neither required nor has a default",
    );
    variable("a = 'x'", "must be a table");
    variable("A-B = { default = 'x' }", "cannot be a variable's name");
}

#[test]
fn a_missing_source_names_the_command_that_makes_it() {
    let manifest = format!("{HEAD}{HELLO}\nbuild.command = 'cargo build --release'");
    let directory = directory(&manifest);
    fs::remove_file(directory.path().join("hello.wasm")).unwrap();
    let text = App::load(directory.path()).unwrap_err().to_string();
    assert!(
        text.contains("`hello.wasm`, the source of `hello`, is not there"),
        "{text}"
    );
    assert!(text.contains("runs `cargo build --release`"), "{text}");
}

#[test]
fn the_source_of_a_component_that_is_not_used_need_not_be_there() {
    let directory = directory(&format!("{HEAD}{HELLO}"));
    fs::remove_file(directory.path().join("hello.wasm")).unwrap();
    assert!(App::load_for(directory.path(), &["other".to_owned()]).is_ok());
    assert!(App::load_for(directory.path(), &["hello".to_owned()]).is_err());
}

#[test]
fn a_source_is_a_path() {
    let source = |text: &str, expected: &str| {
        one(
            &format!("{HEAD}[[trigger.http]]\nroute = '/'\ncomponent = 'a'\n[component.a]\n{text}"),
            expected,
        );
    };
    source(
        "source = { url = 'https://x', digest = 'sha256:0' }",
        "from a URL",
    );
    source(
        "source = { registry = 'r', package = 'p', version = '1' }",
        "from a registry",
    );
    source("source = 'absent.wasm'", "check the path");
    source("source = 1", "must be a string");
    one(
        &format!("{HEAD}{HELLO}[component.b]"),
        "`source` is missing in [component.b]",
    );
}

#[test]
fn a_trigger_names_a_component_that_exists() {
    let trigger = |text: &str, expected: &str| {
        let found = faults(&format!(
            "{HEAD}{HELLO}[[trigger.http]]\nroute = '/x'\n{text}"
        ));
        let text = Faults(found.clone()).to_string();
        assert!(found.len() == 1 && text.contains(expected), "{text}");
    };
    trigger("component = 'helo'", "did you mean `hello`?");
    trigger("component = 'other'", "the components are `hello`");
    trigger("", "here it has neither");
    trigger(
        "component = 'hello'\nstatic_response = {}",
        "here it has both",
    );
    trigger(
        "component = 'hello'\nexecutor = { type = 'wagi', argv = 'x' }",
        "Wagi",
    );
    trigger(
        "component = 'hello'\nexecutor = { type = 'other' }",
        "unknown executor `other`",
    );
    trigger("component = 'hello'\nexecutor = {}", "`type` is missing");
}

#[test]
fn other_kinds_of_trigger_are_refused_by_name() {
    one(
        &format!("{HEAD}{HELLO}[[trigger.redis]]"),
        "no `redis` triggers",
    );
}

#[test]
fn a_base_path_is_refused_with_its_replacement() {
    let application = "application = { name = 'shop', trigger.http.base = '/v1' }";
    let manifest = format!("spin_manifest_version = 2\n{application}\n{HELLO}");
    let text = Faults(faults(&manifest)).to_string();
    assert!(
        text.contains("write `/v1` in front of each route"),
        "{text}"
    );
}

#[test]
fn routes_that_match_the_same_paths_clash() {
    for (first, second) in [
        ("/a", "/a"),
        ("/a", "a"),
        ("/a", "/a/"),
        ("/a/...", "/a/*"),
        ("/:x/b", "/:y/b"),
        ("/...", "/*"),
    ] {
        let trigger = |route| format!("[[trigger.http]]\ncomponent = 'hello'\nroute = '{route}'\n");
        one(
            &format!("{HEAD}{HELLO}{}{}", trigger(first), trigger(second)),
            "matches the same paths",
        );
    }
}

#[test]
fn a_route_that_can_never_match_is_refused() {
    for route in [
        "/a*/b",
        "/.../b",
        "/:",
        "/:a.b",
        "/:x/:x",
        "/:a_b/:a-b",
        "/a b",
        "/a?b",
        "/é",
        "/.well-known/spin/x",
        "/.well-known/spin/...",
    ] {
        one(
            &format!("{HEAD}{HELLO}[[trigger.http]]\ncomponent = 'hello'\nroute = '{route}'"),
            ": ",
        );
    }
    one(
        &format!(
            "{HEAD}{HELLO}[[trigger.http]]\ncomponent = 'hello'\nroute = {{ private = false }}"
        ),
        "private = true",
    );
}

#[test]
fn a_static_response_cannot_break_the_framing() {
    let response = |text: &str, expected: &str| {
        one(
            &format!("{HEAD}[[trigger.http]]\nroute = '/'\nstatic_response = {{ {text} }}"),
            expected,
        );
    };
    response(
        "headers = { Content-Length = '5' }",
        "written by the server",
    );
    response("headers = { 'a b' = '5' }", "not a header name");
    response(r#"headers = { a = "b\nc" }"#, "control characters");
    response("status_code = 101", "must be from 200 to 599");
}

#[test]
fn templates_name_variables_that_exist() {
    component(
        "variables = { a = '{{ nothing }}' }",
        "unknown variable `nothing`",
    );
    component("variables = { a = '{{ open' }", "`{{` without `}}`");
    component("variables = { A = 'x' }", "cannot be a variable's name");
    component(
        "allowed_outbound_hosts = ['https://{{ host }}']",
        "unknown variable `host`",
    );
}

#[test]
fn hosts_that_cannot_be_granted_are_refused() {
    component("allowed_outbound_hosts = ['example.com']", "has no scheme");
    component("allowed_outbound_hosts = ['insecure:allow-all']", "*://*:*");
    component(
        "allowed_outbound_hosts = ['http://helo.spin.internal']",
        "did you mean `hello`?",
    );
    component(
        "allowed_http_hosts = ['example.com']",
        "`allowed_outbound_hosts = [\"http://example.com\", \"https://example.com\"]`",
    );
}

#[test]
fn labels_and_identifiers_have_a_form() {
    component("key_value_stores = ['b@d']", "cannot be a label");
    component("sqlite_databases = ['']", "cannot be a label");
    for id in ["a_b", "1a", "'a b'", "a--b", "'é'"] {
        let manifest = format!("{HEAD}{HELLO}[component]\n{id} = {{ source = 'hello.wasm' }}");
        one(&manifest, "a component's identifier");
    }
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    component("tool.terrace.timeout = '0s'", "is not a duration");
    component("tool.terrace.memory = '1KiB'", "`64KiB`, one page");
    component(
        "tool.terrace.memory = '5GiB'",
        "not an allowed size of memory",
    );
    component("tool.terrace.concurrency = 0", "must be from 1");
    component("tool.terrace.reuse = 'never'", "not a value of `reuse`");
    component("tool.terrace.reuse.concurrent = 0", "must be from 1");
}

#[test]
fn what_this_version_cannot_do_is_refused_and_not_ignored() {
    component("ai_models = ['llama2-chat']", "no language models");
    component("build.command = []", "the list of commands is empty");
    component(
        "build = { command = 'a', watch = ['[a'] }",
        "is not a pattern",
    );
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_file() {
    let found = faults(&format!(
        "{HEAD}{HELLO}\nsorce = 1\nfiles = 1\ntool.terrace.cpu = 1\n[other]"
    ));
    let lines: Vec<_> = found
        .iter()
        .map(|fault| fault.position.as_ref().unwrap().line)
        .collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.is_sorted());
}

#[test]
fn a_manifest_that_is_not_there_says_how_to_name_one() {
    let directory = tempfile::tempdir().unwrap();
    let text = App::load(directory.path()).unwrap_err().to_string();
    assert!(
        text.contains("spin.toml: cannot be read") && text.contains("--from"),
        "{text}"
    );
}

#[test]
fn two_components_that_are_one_host_are_refused() {
    let found = faults(&format!(
        "{HEAD}{HELLO}[component.HELLO]\nsource = 'hello.wasm'"
    ));
    assert_eq!(found[0].message, "two components are called `HELLO`");
}

#[test]
fn dependencies_that_cannot_be_read_are_refused() {
    for (dependency, expected) in [
        ("'>=1.0'", "from a registry"),
        ("{ version = '1.0', registry = 'r' }", "from a registry"),
        ("{ url = 'https://a', digest = 'sha256:0' }", "from a URL"),
        ("{ export = 'a:b/d' }", "one of `path` and `component`"),
        (
            "{ path = 'hello.wasm', component = 'hello' }",
            "one of `path` and `component`",
        ),
        ("{ path = 'absent.wasm' }", "`absent.wasm` is not there"),
        (
            "{ path = 'hello.wasm', exports = 'c' }",
            "did you mean `export`?",
        ),
        ("{ component = 'helo' }", "did you mean `hello`?"),
        ("{ component = 'hello' }", "cannot be its own dependency"),
        (
            "{ path = 'hello.wasm', inherit_configuration = ['files'] }",
            "all of its component's grants, or none",
        ),
        ("7", "must be a string"),
    ] {
        component(
            &format!("dependencies = {{ 'a:b/c' = {dependency} }}"),
            expected,
        );
    }
}

#[test]
fn schedules_that_cannot_be_read_are_refused() {
    for (schedule, expected) in [
        ("{ name = 'a' }", "`cron` is missing"),
        ("{ cron = '@daily' }", "`name` is missing"),
        (
            "{ name = 'A b', cron = '@daily' }",
            "cannot be the name of a schedule",
        ),
        (
            "{ name = 'a', cron = '@daily', missed = 'ski' }",
            "did you mean `skip`?",
        ),
        (
            "{ name = 'a', cron = '@daily', zone = 'UTC' }",
            "unknown key `zone`",
        ),
        (
            "{ name = 'a', cron = '@daily', timezone = 'Moon' }",
            "there is no time zone `Moon`",
        ),
    ] {
        component(&format!("tool.terrace.schedules = [{schedule}]"), expected);
    }
    let many: Vec<_> = (0..33)
        .map(|number| format!("{{ name = 'a{number}', cron = '@daily' }}"))
        .collect();
    let many = many.join(", ");
    component(
        &format!("tool.terrace.schedules = [{many}]"),
        "at most 32 schedules",
    );
}
