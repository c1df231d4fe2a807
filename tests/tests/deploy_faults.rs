//! Promise: whatever is killed in the middle of a deployment, the servers end in one version and say which, and the same command again
//! finishes.

use std::path::Path;

use http::Method;
use serde_json::Value;
use terrace_tests::client::request;
use terrace_tests::contract::exit;
use terrace_tests::deploy::{begin, deploy, events, node, run, served, version};
use terrace_tests::load::OpenLoop;
use terrace_tests::wait::until;
use terrace_tests::{Running, redis};

/// The number of lines that the command prints for two servers.
const LINES: usize = 9;

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path of a test is text")
}

/// Waits until all servers serve and keep one version and no deployment goes on, and gives its name.
async fn settled(nodes: &[&Running]) -> String {
    until("all servers have settled on one version", async || {
        let list = run(nodes, &["--list"]).await;
        let list = events(&list, "versions").into_iter().next()?;
        let servers = list["servers"].as_array()?;
        let digests: Vec<_> = servers.iter().map(|server| &server["digest"]).collect();
        let same = digests
            .iter()
            .all(|digest| **digest == list["versions"][0]["digest"]);
        let idle = servers
            .iter()
            .all(|server| server["deployment"] == Value::Null);
        let whole = servers.iter().all(|server| server["error"] == Value::Null);
        (same && idle && whole).then_some(())
    })
    .await;
    let name = served(nodes[0]).await;
    for node in nodes {
        assert_eq!(served(node).await, name);
    }
    name
}

#[tokio::test]
async fn servers_whose_command_is_killed_end_in_one_version() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let nodes = [&a, &b];
    let mut ends = Vec::new();
    for lines in [1, 2, 4, 6, LINES] {
        let target = if served(&a).await == "one" {
            &second
        } else {
            &first
        };
        let load = OpenLoop::start(20, {
            let urls = nodes.map(|node| node.url("/version"));
            move |index| request(Method::GET, &urls[index % 2], &[], "")
        });
        let begun = begin(&nodes, &[text_of(target), "--watch", "300ms", "--force"]);
        begun
            .kill_after(lines, "deploy-step", ["\"deployed\"", "\"failed\""])
            .await;
        ends.push(settled(&nodes).await);
        let calls = load.finish().await;
        assert!(calls.iter().all(terrace_tests::load::Call::is_fine));
    }
    // The same command finishes, wherever the one before had come to.
    deploy_anyway(&nodes, &second).await;
    assert_eq!(settled(&nodes).await, "two", "after {ends:?}");
}

async fn deploy_anyway(nodes: &[&Running], bundle: &Path) {
    let ended = run(nodes, &[text_of(bundle), "--watch", "100ms", "--force"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
}

#[tokio::test]
async fn a_server_that_is_killed_is_left_out_and_takes_the_version_when_it_is_back() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let mut both = [a, b];
    both.sort_by_key(|node| node.admin.clone());
    let [mut a, mut b] = both;
    for (index, at) in [
        "fits all servers",
        "tries the new version",
        "has all requests",
    ]
    .into_iter()
    .enumerate()
    {
        let (target, name) = match index % 2 {
            0 => (&second, "two"),
            _ => (&first, "one"),
        };
        let arguments = [text_of(target), "--watch", "500ms", "--force"];
        let begun = begin(&[&a, &b], &arguments);
        begun
            .log
            .find(at, |line| line.contains(at).then_some(()))
            .await;
        // The first server is the one that is being changed.
        a.process.kill();
        let (back, ended) = tokio::join!(a.come_back(), begun.wait());
        a = back;
        assert_eq!(ended.code, Some(exit::FINE), "{at}: {}", ended.text);
        assert_eq!(settled(&[&a, &b]).await, name, "{at}");
    }
    // And the other one, after the first has the version.
    let begun = begin(&[&a, &b], &[text_of(&first), "--watch", "500ms", "--force"]);
    begun
        .log
        .find("the first has it", |line| {
            line.contains("has all requests").then_some(())
        })
        .await;
    b.process.kill();
    let (back, ended) = tokio::join!(b.come_back(), begun.wait());
    b = back;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(settled(&[&a, &b]).await, "one");
}

#[tokio::test]
async fn a_single_server_that_is_killed_keeps_the_version_before() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let a = node(&first).start().await;
    let begun = begin(&[&a], &[text_of(&second), "--watch", "3s"]);
    begun
        .log
        .find("the trial", |line| line.contains("tries").then_some(()))
        .await;
    let a = a.kill_and_restart().await;
    let ended = begun.wait().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains("no server is left"), "{}", ended.text);
    assert_eq!(settled(&[&a]).await, "one");
    deploy(&[&a], &second).await;
    assert_eq!(settled(&[&a]).await, "two");
}

#[tokio::test]
async fn a_redis_that_dies_in_the_middle_does_not_matter() {
    let mut redis = redis::Server::start();
    let cluster = format!("[cluster]\nurl = {:?}\nallow_local = true", redis.url());
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let clustered = || node(&first).config(&cluster).start();
    let (a, b) = tokio::join!(clustered(), clustered());
    let nodes = [&a, &b];
    let begun = begin(&nodes, &[text_of(&second), "--watch", "2s"]);
    begun
        .log
        .find("the trial", |line| line.contains("tries").then_some(()))
        .await;
    redis.kill();
    let ended = begun.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(settled(&nodes).await, "two");
    redis.restart();
    deploy_anyway(&nodes, &first).await;
    assert_eq!(settled(&nodes).await, "one");
}

#[tokio::test]
async fn a_server_that_stands_still_holds_nobody_up_for_long() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let nodes = [&a, &b];
    let begun = begin(&nodes, &[text_of(&second), "--watch", "300ms"]);
    begun
        .log
        .find("the check", |line| {
            line.contains("fits all servers").then_some(())
        })
        .await;
    b.process.pause();
    begun
        .log
        .find("the loss", |line| {
            line.contains("without this server").then_some(())
        })
        .await;
    b.process.resume();
    let ended = begun.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(settled(&nodes).await, "two");
}

#[tokio::test]
async fn a_full_disk_refuses_a_version_and_the_one_before_goes_on() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let a: Running = node(&first).start().await;
    a.process.limit_file_size(Some(64 * 1024));
    let ended = run(&[&a], &[text_of(&second)]).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains("state folder"), "{}", ended.text);
    assert_eq!(served(&a).await, "one");
    a.process.limit_file_size(None);
    deploy(&[&a], &second).await;
    assert_eq!(settled(&[&a]).await, "two");
}

#[tokio::test]
async fn a_held_version_is_settled_with_the_others() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let nodes = [&a, &b];
    // The command speaks to the first server only, and the second one hears of it from there.
    for (arguments, name) in [
        (&["--rollback"][..], "one"),
        (&["--continue", "--watch", "100ms"], "two"),
    ] {
        let held = [
            text_of(&second),
            "--canary",
            "10%",
            "--watch",
            "100ms",
            "--force",
        ];
        let held = run(&nodes, &held).await;
        assert_eq!(held.code, Some(exit::FINE), "{}", held.text);
        let ended = run(&[&a], arguments).await;
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
        assert_eq!(settled(&nodes).await, name);
    }
}

#[tokio::test]
async fn a_successor_that_comes_in_the_middle_serves_what_was_kept() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let a = node(&first).start().await;
    let begun = begin(&[&a], &[text_of(&second), "--watch", "6s"]);
    begun
        .log
        .find("the trial", |line| line.contains("tries").then_some(()))
        .await;
    let (a, _) = a.succeed().await;
    let ended = begun.wait().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains("it was started anew"), "{}", ended.text);
    assert_eq!(settled(&[&a]).await, "one");
    deploy(&[&a], &second).await;
    let (a, _) = a.succeed().await;
    assert_eq!(settled(&[&a]).await, "two");
}
