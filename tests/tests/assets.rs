//! Promise: the function `assets` serves a folder as a web server does, whatever the size of its files, and an edge in front of it
//! answers in its place.

use http::Method;
use http_body_util::BodyExt;
use terrace_tests::client::request;
use terrace_tests::{App, Running};

/// The length of a file that is much larger than the memory of an instance, in bytes.
const LARGE: u64 = 1 << 30;

/// The length of one that is still larger.
const LARGER_THAN_MEMORY: u64 = 128 << 20;

/// The function with a folder of its own, at `/static/...`.
fn site() -> App {
    App::new()
        .component("assets", terrace_tests::guest("assets"))
        .route("/static/...")
        .grant("files = [{ source = \"www\", destination = \"/\" }]")
        .limit("memory = \"64MiB\"")
        .file("www/index.html", "<h1>home</h1>")
        .file("www/guide/index.html", "guide")
        .file("www/404.html", "gone")
        .file("www/.env", "secret")
        .file("www/app-3f2a9c1b.js", "script")
        .file("www/app-3f2a9c1b.js.br", "brotli")
        .file("www/data.txt", "0123456789")
        .file("private.txt", "hidden")
}

/// The site with a file of this length, all of it zeros but the last bytes.
fn with_file_of(length: u64) -> App {
    use std::os::unix::fs::FileExt as _;
    let site = site().limit("timeout = \"5m\"").limit("cpu = \"1m\"");
    let file = std::fs::File::create(site.folder().join("www/large.bin"));
    let file = file.expect("a test's own folder can be written");
    // It has a hole in place of zeros, so that it needs no room.
    file.write_all_at(b"the end", length - 7)
        .expect("a test's own folder can be written");
    site
}

async fn check(server: &Running) {
    let answer = server.get("/static/data.txt").await.expect(200);
    assert_eq!(answer.text(), "0123456789");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let tag = answer.header("etag").to_owned();
    assert_eq!(tag, "\"84d89877f0d4041efb6bf91a16f0248f\"");
    let fields = [("if-none-match", tag.as_str())];
    server
        .get_with("/static/data.txt", &fields)
        .await
        .expect(304);
    let fields = [("range", "bytes=2-4"), ("if-range", tag.as_str())];
    let answer = server.get_with("/static/data.txt", &fields).await;
    assert_eq!(answer.header("content-range"), "bytes 2-4/10");
    assert_eq!(answer.expect(206).text(), "234");
    let head = server.call(Method::HEAD, "/static/data.txt", "").await;
    assert_eq!(head.header("content-length"), "10");
    assert_eq!(head.expect(200).text(), "");
    let script = "/static/app-3f2a9c1b.js";
    for (accepted, content) in [("br", "brotli"), ("identity", "script")] {
        let fields = [("accept-encoding", accepted)];
        let answer = server.get_with(script, &fields).await.expect(200);
        assert_eq!(answer.text(), content);
        let lifetime = "public, max-age=31536000, immutable";
        assert_eq!(answer.header("cache-control"), lifetime);
    }
    for (path, content) in [("/static/", "<h1>home</h1>"), ("/static/guide/", "guide")] {
        assert_eq!(server.get(path).await.expect(200).text(), content);
    }
    let answer = server.get("/static/guide").await.expect(301);
    assert_eq!(answer.header("location"), "./guide/");
    let answer = server.post("/static/data.txt", "new").await.expect(405);
    assert_eq!(answer.header("allow"), "GET, HEAD");
}

async fn check_hidden(server: &Running) {
    for path in [
        "none",
        ".env",
        "%2eenv",
        "../private.txt",
        "%2e%2e/private.txt",
        "..%2fprivate.txt",
        "guide/../../private.txt",
        "%00",
    ] {
        let answer = server.get(&format!("/static/{path}")).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        let text = answer.text();
        assert!(
            !text.contains("hidden") && !text.contains("secret"),
            "{path}"
        );
    }
    assert_eq!(server.get("/static/none").await.expect(404).text(), "gone");
}

#[tokio::test]
async fn files_are_served_with_validators_ranges_and_variants() {
    let server = site().start().await;
    check(&server).await;
    check_hidden(&server).await;
}

#[tokio::test]
async fn an_edge_answers_in_the_place_of_the_function() {
    let node = site().start().await;
    let edge = App::edge(&node.http).start().await;
    for _ in 0..2 {
        check(&edge).await;
        check_hidden(&edge).await;
    }
    for path in ["/static/", "/static/guide/", "/static/none"] {
        assert!(edge.get(path).await.is_hit(), "{path}");
    }
}

#[tokio::test]
async fn a_file_larger_than_the_memory_of_an_instance_is_streamed() {
    let server = with_file_of(LARGE).start().await;
    let url = server.url("/static/large.bin");
    let response = server
        .client
        .stream(request(Method::GET, &url, &[], ""))
        .await;
    assert_eq!(response.status(), 200);
    let mut content = response.into_body();
    let (mut length, mut end) = (0, Vec::new());
    while let Some(frame) = content.frame().await {
        let frame = frame.expect("the content arrives whole");
        let Some(data) = frame.data_ref() else {
            continue;
        };
        length += data.len() as u64;
        end.extend_from_slice(&data[data.len().saturating_sub(7)..]);
        end.drain(..end.len().saturating_sub(7));
    }
    assert_eq!(length, LARGE);
    assert_eq!(end, b"the end");
}

/// Twenty parts take less time than the whole file does once.
#[tokio::test]
async fn a_range_of_a_large_file_reads_that_range_only() {
    let server = with_file_of(LARGER_THAN_MEMORY).start().await;
    let before = std::time::Instant::now();
    for _ in 0..20 {
        let fields = [("range", "bytes=-7")];
        let answer = server.get_with("/static/large.bin", &fields).await;
        assert_eq!(answer.expect(206).text(), "the end");
    }
    let parts = before.elapsed();
    let before = std::time::Instant::now();
    let url = server.url("/static/large.bin");
    let whole = request(Method::GET, &url, &[], "");
    let mut whole = server.client.stream(whole).await.into_body();
    while let Some(frame) = whole.frame().await {
        frame.expect("the content arrives whole");
    }
    assert!(
        parts < before.elapsed(),
        "twenty parts took longer ({parts:?}) than the whole file"
    );
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_ends_the_reading() {
    let server = with_file_of(LARGER_THAN_MEMORY)
        .limit("concurrency = 1")
        .limit("queue = 8")
        .start()
        .await;
    let url = server.url("/static/large.bin");
    for _ in 0..3 {
        let response = server
            .client
            .stream(request(Method::GET, &url, &[], ""))
            .await;
        let mut content = response.into_body();
        content
            .frame()
            .await
            .expect("some content")
            .expect("it is whole");
    }
    // There is one place, so this waits until the others have left it.
    server.get("/static/data.txt").await.expect(200);
}

#[tokio::test]
async fn lifetimes_are_settings_of_the_manifest() {
    let settings =
        "environment = { ASSETS_MAX_AGE = \"5\", ASSETS_IMMUTABLE = \"guide vendor/js\" }";
    let server = site()
        .grant(settings)
        .file("www/vendor/js/x.js", "x")
        .start()
        .await;
    for (path, lifetime) in [
        ("/static/data.txt", "public, max-age=5,"),
        ("/static/guide/", "public, max-age=31536000, immutable"),
        (
            "/static/vendor/js/x.js",
            "public, max-age=31536000, immutable",
        ),
        ("/static/none", "public, max-age=5"),
    ] {
        let answer = server.get(path).await;
        let field = answer.header("cache-control");
        assert!(field.starts_with(lifetime), "{path}: {field}");
    }
}
