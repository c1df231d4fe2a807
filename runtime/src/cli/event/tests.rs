//! The words and the objects.

use super::*;

fn check(event: &Event<'_>, text: &str, json: &str) {
    assert_eq!(event.to_string(), text);
    assert_eq!(serde_json::to_string(event).unwrap(), json);
}

#[test]
fn ready_names_all_addresses() {
    let event = Event::Ready(Ready {
        app: "shop",
        http: "http://127.0.0.1:3000".into(),
        https: Some("https://127.0.0.1:3443".into()),
        admin: Some("http://127.0.0.1:3001".into()),
    });
    check(
        &event,
        "terrace: serving shop at http://127.0.0.1:3000 and https://127.0.0.1:3443 (admin http://127.0.0.1:3001)",
        r#"{"event":"ready","http":"http://127.0.0.1:3000","https":"https://127.0.0.1:3443","admin":"http://127.0.0.1:3001"}"#,
    );
}

#[test]
fn ready_without_admin_does_not_speak_of_it() {
    let event = Event::Ready(Ready {
        app: "shop",
        http: "http://127.0.0.1:3000".into(),
        https: None,
        admin: None,
    });
    check(
        &event,
        "terrace: serving shop at http://127.0.0.1:3000",
        r#"{"event":"ready","http":"http://127.0.0.1:3000"}"#,
    );
}

#[test]
fn built_says_how_long_it_took() {
    let event = Event::Built {
        component: "hello",
        milliseconds: 3_249,
    };
    check(
        &event,
        "building hello … done in 3.2 s",
        r#"{"event":"built","component":"hello","milliseconds":3249}"#,
    );
}

#[test]
fn swapped_names_the_components() {
    let event = Event::Swapped {
        components: vec!["hello", "api"],
        milliseconds: 12,
    };
    check(
        &event,
        "swapped hello, api in 12 ms",
        r#"{"event":"swapped","components":["hello","api"],"milliseconds":12}"#,
    );
}

#[test]
fn fine_counts_components_and_routes() {
    let event = Event::Fine {
        manifest: Path::new("spin.toml"),
        components: 2,
        routes: 1,
        queries: None,
    };
    check(
        &event,
        "spin.toml is fine: 2 components, 1 route",
        r#"{"event":"fine","manifest":"spin.toml","components":2,"routes":1}"#,
    );
}

#[test]
fn fault_has_its_place_beside_its_message() {
    let source = crate::fault::Source {
        file: "spin.toml".into(),
        text: "a = 1\nb = 2\n".into(),
    };
    let fault = source.fault(&(6..7), Reason::new("unknown key `b`").help("remove it"));
    let json = serde_json::to_string(&Event::from(&fault)).unwrap();
    assert_eq!(
        json,
        r#"{"event":"fault","file":"spin.toml","line":2,"column":1,"message":"unknown key `b`","suggestion":"remove it"}"#
    );
}

#[test]
fn failed_says_what_to_do() {
    let reason = Reason::new("port 3000 is taken").help("choose another with `--listen`");
    check(
        &Event::from(&reason),
        "terrace: port 3000 is taken\n    help: choose another with `--listen`",
        r#"{"event":"failed","message":"port 3000 is taken","suggestion":"choose another with `--listen`"}"#,
    );
}
