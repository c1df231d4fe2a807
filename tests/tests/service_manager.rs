//! Promise: a service manager is told when a server answers requests, and the settings of the package are ones that it takes.

use std::fs;

use terrace_tests::App;
use terrace_tests::process::workspace;
use terrace_tests::wait::within;
use tokio::net::UnixDatagram;

/// Starts an app under a service manager that listens, and says what it was told.
async fn told(app: App) -> String {
    let folder = tempfile::tempdir().expect("a test has room for a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a path can be bound");
    let path = path.to_str().expect("a path of a test is text");
    let _app = app.environment("NOTIFY_SOCKET", path).start().await;
    let mut message = [0; 64];
    let received = within("a message", socket.recv(&mut message)).await;
    let length = received.expect("the socket is open");
    String::from_utf8_lossy(&message[..length]).into_owned()
}

#[tokio::test]
async fn a_service_manager_is_told_when_requests_are_answered() {
    assert_eq!(told(App::of("capabilities")).await, "READY=1\n");
}

#[tokio::test]
async fn servers_start_with_the_settings_of_the_package() {
    let settings = |name: &str| {
        let path = workspace().join("packaging/etc").join(name);
        fs::read_to_string(path).unwrap()
    };
    let node = App::of("capabilities").config(&settings("terrace.toml"));
    assert_eq!(told(node).await, "READY=1\n");
    let edge = App::edge("").config(&settings("edge.toml"));
    assert_eq!(told(edge).await, "READY=1\n");
}

#[tokio::test]
async fn a_service_manager_that_does_not_listen_changes_nothing() {
    let app = App::of("capabilities").environment("NOTIFY_SOCKET", "/nowhere/notify");
    let app = app.start().await;
    app.admin("/readyz").await.expect(200);
}
