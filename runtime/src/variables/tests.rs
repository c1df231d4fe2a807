//! Where values come from, and what components are given.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::manifest::App;

const MANIFEST: &str = "
    spin_manifest_version = 2
    application.name = 'shop'
    [variables]
    host = { default = 'default.test' }
    api_key = { required = true, secret = true }
    other = { required = true }
    [[trigger.http]]
    route = '/'
    component = 'shop'
    [component.shop]
    source = 'shop.wasm'
    variables = { url = 'https://{{ host }}/', key = '{{ api_key }}' }
    allowed_outbound_hosts = ['https://{{ host }}', '{{ other }}']
";

fn app() -> (TempDir, App) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("spin.toml"), MANIFEST).unwrap();
    let app = App::load_unbuilt(directory.path()).unwrap();
    (directory, app)
}

fn resolve(app: &App, sources: VariableSources) -> Result<Variables, Faults> {
    Variables::resolve(&app.variables, &app.manifest, sources)
}

fn arguments(arguments: &[&str]) -> VariableSources {
    VariableSources {
        arguments: arguments.iter().map(ToString::to_string).collect(),
        ..VariableSources::default()
    }
}

fn map(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// What is wrong with the arguments, in words.
fn faults(given: &[&str]) -> String {
    let (_directory, app) = app();
    resolve(&app, arguments(given)).unwrap_err().to_string()
}

/// The value of `host` with what `change` adds to the sources.
fn host(change: impl FnOnce(&TempDir, &mut VariableSources)) -> String {
    let (directory, app) = app();
    let mut sources = arguments(&["api_key=k", "other="]);
    change(&directory, &mut sources);
    resolve(&app, sources).unwrap().values["host"].clone()
}

#[test]
fn the_strongest_source_gives_the_value() {
    let file = |directory: &TempDir| {
        let text = "# x\nOTHER=1\nexport SPIN_VARIABLE_HOST = \"file.test\" # comment\n";
        fs::write(directory.path().join(".env"), text).unwrap();
    };
    assert_eq!(host(|_, _| ()), "default.test");
    assert_eq!(host(|directory, _| file(directory)), "file.test");
    let weaker = |directory: &TempDir, sources: &mut VariableSources| {
        file(directory);
        sources.environment = map("host", "environment.test");
    };
    assert_eq!(host(weaker), "environment.test");
    assert_eq!(
        host(|directory, sources| {
            weaker(directory, sources);
            sources.settings = map("host", "settings.test");
        }),
        "settings.test"
    );
    assert_eq!(
        host(|directory, sources| {
            weaker(directory, sources);
            sources.settings = map("host", "settings.test");
            sources.arguments.push("host=argument.test".into());
        }),
        "argument.test"
    );
}

#[test]
fn arguments_may_name_files() {
    let given = |name: &'static str, text: &'static str, prefix: &'static str| {
        host(move |directory, sources| {
            let file = directory.path().join(name);
            fs::write(&file, text).unwrap();
            sources
                .arguments
                .push(format!("{prefix}@{}", file.display()));
        })
    };
    assert_eq!(given("host.txt", "a=b\n", "host="), "a=b\n");
    assert_eq!(given("values.toml", "host = 'toml.test'", ""), "toml.test");
    assert_eq!(
        given("values.json", "{ \"host\": \"json.test\" }", ""),
        "json.test"
    );
}

#[test]
fn env_files_are_read_as_spin_reads_them() {
    let key = "-----BEGIN KEY-----\nMIIE\n-----END KEY-----";
    for (line, expected) in [
        ("SPIN_VARIABLE_HOST='a # b'", "a # b"),
        ("SPIN_VARIABLE_HOST=\"a=b\"", "a=b"),
        ("SPIN_VARIABLE_HOST=a # b", "a"),
        ("SPIN_VARIABLE_HOST=", ""),
        ("\u{feff}SPIN_VARIABLE_HOST=a", "a"),
        ("# a b\nNAME=1\nSPIN_VARIABLE_HOST=c", "c"),
        ("SPIN_VARIABLE_HOST=\"a\\nb\"", "a\nb"),
        (&format!("SPIN_VARIABLE_HOST=\"{key}\""), key),
    ] {
        let value = host(|directory, _| fs::write(directory.path().join(".env"), line).unwrap());
        assert_eq!(value, expected, "{line}");
    }
}

#[test]
fn an_env_file_that_cannot_be_read_is_a_fault_with_its_line_and_without_the_secret() {
    for text in [
        "OTHER=1\nSPIN_VARIABLE_HOST=my secret\n",
        "OTHER=1\nSPIN_VARIABLE_HOST='secret\n",
    ] {
        let (directory, app) = app();
        fs::write(directory.path().join(".env"), text).unwrap();
        let sources = arguments(&["api_key=k", "other="]);
        let faults = resolve(&app, sources).unwrap_err().to_string();
        assert!(faults.contains(".env:2:"), "{faults}");
        assert!(!faults.contains("secret"), "{faults}");
    }
}

#[test]
fn every_missing_value_is_reported_at_once_with_its_line() {
    let text = faults(&[]);
    assert!(
        text.contains("spin.toml:6:5: the required variable `api_key` has no value"),
        "{text}"
    );
    assert!(
        text.contains("spin.toml:7:5: the required variable `other` has no value"),
        "{text}"
    );
    assert!(text.contains("SPIN_VARIABLE_API_KEY="), "{text}");
}

#[test]
fn arguments_that_cannot_be_read_are_reported() {
    for (argument, expected) in [
        ("nothing", "has no `=`"),
        ("hots=x", "did you mean `host`?"),
        ("host=@/nowhere/at/all", "/nowhere/at/all: cannot be read"),
        ("@/nowhere/at/all.toml", "cannot be read"),
        ("@/nowhere/at/all.json", "cannot be read"),
        ("@values.yaml", "not known what kind of file"),
    ] {
        let text = faults(&["api_key=k", "other=o", argument]);
        assert!(text.contains(expected), "{argument}: {text}");
    }
}

#[test]
fn files_of_values_that_are_no_strings_are_reported_without_their_values() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("v.toml", "host = ['hush']\n"),
        ("v.json", "{ \"host\": {\"hush\": 1} }"),
    ] {
        let file = directory.path().join(name);
        fs::write(&file, text).unwrap();
        let text = faults(&["api_key=k", "other=o", &format!("@{}", file.display())]);
        assert!(text.contains("string") && !text.contains("hush"), "{text}");
    }
}

#[test]
fn the_environment_is_read_by_its_prefix() {
    let pairs = [
        ("SPIN_VARIABLE_API_KEY", "k"),
        ("HOME", "/"),
        ("SPIN_VARIABLE_", "x"),
    ];
    let found = from_environment(pairs.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(found.get("api_key").map(String::as_str), Some("k"));
    assert!(!found.contains_key("home"));
}

#[test]
fn a_component_reads_only_what_its_table_names() {
    let (_directory, app) = app();
    let variables = resolve(&app, arguments(&["api_key=k", "other=o"])).unwrap();
    let given = variables.for_component(&app.components[0].variables);
    assert_eq!(given.get("url"), Ok("https://default.test/"));
    assert_eq!(given.get("key"), Ok("k"));
    assert_eq!(
        given.get("api_key"),
        Err(LookupError::Undefined("api_key".into()))
    );
    assert_eq!(
        given.get("Api-Key"),
        Err(LookupError::InvalidName("Api-Key".into()))
    );
    assert_eq!(given.iter().count(), 2);
}

#[test]
fn values_are_never_printed() {
    let (_directory, app) = app();
    let variables = resolve(&app, arguments(&["api_key=hush", "other=hush"])).unwrap();
    let given = variables.for_component(&app.components[0].variables);
    let printed = format!("{variables:?} {given:?} {:?}", app.variables);
    assert!(
        printed.contains("api_key") && !printed.contains("hush"),
        "{printed}"
    );
}

#[test]
fn grants_are_made_from_variables() {
    let (_directory, app) = app();
    let shop = &app.components[0];
    let hosts = |other| {
        let variables = resolve(&app, arguments(&["api_key=k", other])).unwrap();
        variables.allowed_hosts(&shop.id, &shop.allowed_outbound_hosts)
    };
    assert!(
        hosts("other=")
            .unwrap()
            .allows("https", "default.test", None, None)
    );
    assert!(
        hosts("other=http://b.test")
            .unwrap()
            .allows("http", "b.test", None, None)
    );
    let text = hosts("other=b.test").unwrap_err().message;
    assert!(
        text.contains("`allowed_outbound_hosts` of `shop`"),
        "{text}"
    );
}
