//! Promise: a function sees the files and the environment that the manifest names, and no others.

use terrace_tests::App;

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
async fn a_link_out_of_the_mounted_folder_is_not_followed() {
    let app = App::of("faults-p3")
        .file("public/a.txt", "mounted")
        .file("private.txt", "hidden");
    std::os::unix::fs::symlink("../private.txt", app.folder().join("public/link"))
        .expect("the folder is ours");
    let app = app
        .grant("files = [{ source = \"public\", destination = \"/data\" }]")
        .start()
        .await;
    let answer = app.get("/files?read=/data/link").await;
    assert!(
        !answer.text().contains("hidden"),
        "a link leads out of the grant"
    );
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
