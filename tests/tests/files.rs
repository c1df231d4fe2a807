//! Promise: a function sees the files and the environment that the manifest names, and no others.

use terrace_tests::{App, Beside};

const FAULTS: [&str; 2] = ["faults-p2", "faults-p3"];

#[tokio::test]
async fn files_are_read_only_and_end_at_their_folder() {
    for name in FAULTS {
        let app = App::of(name)
            .file("public/a.txt", "mounted")
            .file("private.txt", "hidden");
        let app = app
            .grant("files = [{ source = \"public\", destination = \"/data\" }]")
            .start()
            .await;
        assert_eq!(
            app.get("/files?read=/data/a.txt").await.expect(200).text(),
            "mounted"
        );
        assert_eq!(
            app.get("/files?list=/data").await.expect(200).text(),
            "a.txt"
        );
        for path in [
            "write=/data/a.txt",
            "write=/data/new.txt",
            "read=/data/../private.txt",
            "read=/etc/passwd",
            "list=/",
        ] {
            let answer = app.get(&format!("/files?{path}")).await;
            assert!(
                !answer.text().contains("hidden") && !answer.text().contains("root:"),
                "{name}: {path}"
            );
            assert!(
                answer.status == 403 || path == "list=/",
                "{name}: {path} gave {}",
                answer.status
            );
        }
        let kept = std::fs::read_to_string(app.app().folder().join("public/a.txt"));
        assert_eq!(kept.expect("the file is still there"), "mounted");
    }
}

#[tokio::test]
async fn a_link_out_of_the_mounted_folder_is_an_error_of_check() {
    let app = App::of("faults-p3")
        .file("public/a.txt", "mounted")
        .file("private.txt", "hidden");
    std::os::unix::fs::symlink("../private.txt", app.folder().join("public/link"))
        .expect("the folder is ours");
    let app = app.grant("files = [{ source = \"public\", destination = \"/data\" }]");
    let ended = app.check().await;
    assert_eq!(ended.code, Some(2), "{}", ended.text);
    assert!(ended.text.contains("the link `link`"), "{}", ended.text);
    assert!(ended.text.contains("spin.toml:"), "{}", ended.text);
}

#[tokio::test]
async fn all_entries_lie_in_one_tree() {
    let app = App::of("faults-p3")
        .file("static/index.html", "index")
        .file("static/deep/a.txt", "deep")
        .file("config/site.json", "site")
        .grant("files = [{ source = \"static\", destination = \"/\" }, \"config/site.json\"]")
        .start()
        .await;
    for (path, content) in [
        ("/index.html", "index"),
        ("/deep/a.txt", "deep"),
        ("/config/site.json", "site"),
    ] {
        let answer = app.get(&format!("/files?read={path}")).await;
        assert_eq!(answer.expect(200).text(), content);
    }
    let root = app.get("/files?list=/").await.expect(200).text();
    assert_eq!(root, "config\ndeep\nindex.html");
}

#[tokio::test]
async fn entries_that_cannot_lie_in_one_tree_are_an_error_of_check_with_its_line() {
    let app = App::of("faults-p3")
        .file("static/config", "a file")
        .file("config/site.json", "site")
        .grant("files = [{ source = \"static\", destination = \"/\" }, \"config/site.json\"]");
    let ended = app.check().await;
    assert_eq!(ended.code, Some(2), "{}", ended.text);
    let expected = "`config/site.json` cannot be at `/config/site.json`, because `static/config`";
    assert!(ended.text.contains(expected), "{}", ended.text);
    assert!(ended.text.contains("spin.toml:"), "{}", ended.text);
}

/// An app whose function reads one file.
fn reader() -> App {
    App::of("faults-p3")
        .file("data.txt", "read")
        .grant("files = [\"data.txt\"]")
}

/// The folders that processes have for the files of their components.
fn process_folders(app: &App) -> usize {
    let entries = std::fs::read_dir(app.state().join("files")).expect("the app was started");
    let entries = entries.map(|entry| entry.expect("an entry can be read").path());
    entries.filter(|path| path.is_dir()).count()
}

async fn reads(server: &Beside) {
    let answer = server.get("/files?read=/data.txt").await;
    assert_eq!(answer.expect(200).text(), "read");
}

#[tokio::test]
async fn the_first_of_two_servers_that_ends_leaves_the_second_its_files() {
    let app = reader();
    let first = app.start_beside().await;
    let second = app.start_beside().await;
    first.process.terminate();
    let ended = first.process.wait().await;
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    reads(&second).await;
    assert_eq!(process_folders(&app), 1);
}

#[tokio::test]
async fn files_of_a_killed_server_go_at_the_next_start_and_those_of_others_stay() {
    let app = reader();
    let killed = app.start_beside().await;
    let other = app.start_beside().await;
    killed.process.kill();
    killed.process.wait().await;
    assert_eq!(process_folders(&app), 2);
    let next = app.start_beside().await;
    assert_eq!(process_folders(&app), 2);
    reads(&other).await;
    reads(&next).await;
}

#[tokio::test]
async fn the_environment_is_what_the_manifest_says() {
    for name in FAULTS {
        let app = App::of(name)
            .environment("OUTSIDE", "seen")
            .grant("environment = { INSIDE = \"set\" }");
        let environment = app.start().await.get("/env").await.expect(200).json();
        assert_eq!(environment["INSIDE"], "set", "{name}");
        assert!(
            environment.get("OUTSIDE").is_none(),
            "{name}: the host's environment leaks"
        );
        assert!(
            environment.get("PATH").is_none(),
            "{name}: the host's environment leaks"
        );
    }
}
