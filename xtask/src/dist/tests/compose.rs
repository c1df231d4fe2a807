//! The Compose file fits its schema, and starts what the program is.

use super::*;
use serde_json::Value;

use crate::{child::Program, stores};

fn folder() -> PathBuf {
    workspace().root.join("packaging/compose")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn compose() -> Value {
    yaml::documents(&folder().join("compose.yaml")).remove(0)
}

/// What the schema has against a file.
fn fault(compose: &Value) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let instance = folder.path().join("compose.json");
    fs::write(&instance, compose.to_string()).unwrap();
    let schema = "check_jsonschema/builtin_schemas/vendor/compose-spec.json";
    let schema = wheel::validators().unwrap().join(schema);
    let mut check = yaml::python();
    check.args(["-m", "jsonschema", "--instance"]);
    let checked = process::output(check.arg(instance).arg(schema));
    checked.err().map(|error| error.to_string())
}

/// The services that run Terrace.
fn services(compose: &Value) -> Vec<(&String, &Value)> {
    let services = compose["services"].as_object().unwrap().iter();
    let ours = services.filter(|(_, service)| {
        let image = service["image"].as_str().unwrap();
        image.starts_with("${TERRACE_IMAGE")
    });
    ours.collect()
}

#[test]
fn compose_file_fits_the_schema_and_a_mistake_does_not() {
    let compose = compose();
    assert_eq!(fault(&compose), None);
    let broken = |pointer: &str, value: Value| {
        let mut broken = compose.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        fault(&broken).unwrap_or_else(|| panic!("{pointer} is not found"))
    };
    broken("/services/edge/healthcheck/interval", 2.into());
    let mut service = compose["services"]["edge"].clone();
    service["restrat"] = "always".into();
    let found = broken("/services/edge", service);
    assert!(found.contains("'restrat' was unexpected"), "{found}");
}

#[test]
fn compose_file_starts_two_nodes_and_an_edge_that_the_program_is() {
    let compose = compose();
    let services = services(&compose);
    let names: Vec<_> = services.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["edge", "node-a", "node-b"]);
    for (name, service) in services {
        settings::command_is_one(&yaml::texts(&service["command"]));
        let check = yaml::texts(&service["healthcheck"]["test"]);
        assert_eq!(check[..2], ["CMD", "/usr/bin/terrace"]);
        settings::command_is_one(&check[2..]);
        assert_eq!(service["stop_grace_period"], "45s", "{name}");
        let mounts = yaml::texts(&service["volumes"]);
        let (file, _) = mounts[0]
            .split_once(":/etc/terrace/terrace.toml:ro")
            .unwrap();
        let text = read(file);
        // Otherwise the time to stop would have to be another one.
        assert_eq!(settings::value(&text, "limits", "drain_timeout"), None);
        let given = service["environment"].as_object().unwrap().keys();
        let given: Vec<_> = given.cloned().collect();
        let wanted: Vec<_> = settings::passwords(&text).into_iter().collect();
        assert_eq!(given, wanted, "{name}");
    }
    settings::nodes_are_fine(&read("node.toml"), 2);
    settings::edge_starts(&read("edge.toml"));
}

#[test]
fn compose_files_names_are_its_services_and_its_networks() {
    let compose = compose();
    let service = |name: &str| compose["services"].get(name).is_some();
    let node = read("node.toml");
    for url in ["sql.default", "kv.default"] {
        let (table, label) = url.split_once('.').unwrap();
        let label = settings::value(&node, table, label).unwrap();
        let url = label["url"].as_str().unwrap().to_owned();
        let host = url.rsplit(['/', '@']).find(|part| service(part));
        assert!(host.is_some(), "{url}");
    }
    let edge = read("edge.toml");
    let shared = |text| settings::value(text, "cache", "shared");
    assert_eq!(shared(&node), shared(&edge));
    assert_eq!(shared(&edge), Some("redis://redis-cache/1".into()));
    assert!(service("redis-cache"));
    for origin in settings::value(&edge, "edge", "origins")
        .unwrap()
        .as_array()
        .unwrap()
    {
        let host = origin.as_str().unwrap().strip_prefix("http://").unwrap();
        let host = host.strip_suffix(":3000").unwrap();
        assert!(service(host), "{host}");
    }
    let trusted = settings::value(&node, "listen", "trusted_proxies").unwrap();
    let subnet = &compose["networks"]["default"]["ipam"]["config"][0]["subnet"];
    assert_eq!(trusted[0].as_str(), subnet.as_str());
}

#[test]
fn compose_file_has_no_password() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        for (variable, value) in service["environment"].as_object().unwrap() {
            let is_password = variable.ends_with("PASSWORD");
            let asked = format!("${{{variable}:?write it into .env}}");
            assert!(!is_password || *value == asked.as_str(), "{name}: {value}");
        }
    }
    let example = read("env.example");
    for name in settings::passwords(&read("node.toml")) {
        assert!(example.contains(&format!("\n{name}=\n")), "{name}");
    }
}

/// A script of a service, as its shell gets it, with a free port in the place of the usual one.
fn script(words: &Value, port: u16) -> Command {
    let words = yaml::texts(words);
    let script = words.last().unwrap().replace("$$", "$");
    let script = script.replace("redis-server -", &format!("redis-server - --port {port}"));
    let script = script.replace("redis-cli", &format!("redis-cli -p {port}"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("REDIS_PASSWORD", "secret");
    shell
}

#[test]
fn compose_files_redis_servers_want_the_password_and_keep_what_they_should() {
    let compose = compose();
    for (name, policy, file) in [
        ("redis", "noeviction", "yes"),
        ("redis-cache", "volatile-lru", "no"),
    ] {
        let service = &compose["services"][name];
        let folder = tempfile::tempdir().unwrap();
        let port = stores::free_port().unwrap();
        let mut server = script(&service["command"], port);
        let _server = Program::start(server.current_dir(folder.path())).unwrap();
        let is_healthy = || process::succeeds(&mut script(&service["healthcheck"]["test"], port));
        stores::until("Redis does not start", is_healthy).unwrap();
        let mut stranger = script(&service["healthcheck"]["test"], port);
        assert!(!process::succeeds(stranger.env("REDIS_PASSWORD", "other")));
        for (key, value) in [("maxmemory-policy", policy), ("appendonly", file)] {
            let mut ask = Command::new("redis-cli");
            ask.env("REDISCLI_AUTH", "secret");
            ask.args(["-p", &port.to_string(), "config", "get", key]);
            let said = process::output(&mut ask).unwrap();
            assert_eq!(said.lines().last(), Some(value), "{name}: {said}");
        }
    }
}
