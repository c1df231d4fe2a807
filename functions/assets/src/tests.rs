//! The function on a folder of its own, without WebAssembly.

use std::path::Path;

use tempfile::TempDir;
use terrace_sdk::http::{Method, header};
use terrace_sdk::testing::{Answer, Host};
use terrace_sdk::{Body, Request};

use crate::answer::answer;
use crate::lifetime::Lifetimes;
use crate::limits::MAX_READ_AT_ONCE_BYTES;
use crate::site::Site;

struct Folder(TempDir);

impl Folder {
    fn of(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ask(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = terrace_sdk::http::Request::builder()
            .method(method)
            .uri(format!("http://example.com/mounted{path}"))
            .header("spin-path-info", path.split('?').next().unwrap());
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let root = self.0.path().to_owned();
        let handler = async move |request: Request| {
            let lifetimes = Lifetimes {
                max_age: 60,
                immutable: Vec::new(),
            };
            let site = Site {
                root: &root,
                lifetimes,
            };
            answer(&site, &request).unwrap()
        };
        Host::new().call(handler, request.body(Body::empty()).unwrap())
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, fields)
    }
}

fn site() -> Folder {
    Folder::of(&[
        ("index.html", b"<h1>home</h1>"),
        ("guide/index.html", b"guide"),
        ("empty/nothing.txt", b""),
        ("app-3f2a9c1b.js", b"script"),
        ("app-3f2a9c1b.js.br", b"brotli"),
        ("app-3f2a9c1b.js.gz", b"gzip"),
        ("data.txt", b"0123456789"),
        (".env", b"secret"),
    ])
}

#[test]
fn a_file_comes_with_its_type_its_tag_and_its_lifetime() {
    let answer = site().get("/data.txt", &[]);
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (200, "0123456789")
    );
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("content-length"), "10");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("vary"), "");
    // SHA-256 of the content, on every server.
    assert_eq!(
        answer.header("etag"),
        "\"84d89877f0d4041efb6bf91a16f0248f\""
    );
    let lifetime = answer.header("cache-control");
    assert!(lifetime.starts_with("public, max-age=60,"), "{lifetime}");
}

#[test]
fn a_tag_changes_with_the_content_only() {
    let (one, other) = (site(), Folder::of(&[("copy.txt", b"0123456789")]));
    let tag = one.get("/data.txt", &[]).header("etag").to_owned();
    assert_eq!(other.get("/copy.txt", &[]).header("etag"), tag);
    std::fs::write(one.path().join("data.txt"), "01234567890").unwrap();
    let changed = one.get("/data.txt", &[]);
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(changed.text(), "01234567890");
}

#[test]
fn folders_are_their_index() {
    let site = site();
    assert_eq!(site.get("/", &[]).text(), "<h1>home</h1>");
    assert_eq!(site.get("", &[]).text(), "<h1>home</h1>");
    assert_eq!(site.get("/guide/", &[]).text(), "guide");
    let answer = site.get("/guide?page=2", &[]);
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), "./guide/?page=2");
    for path in ["/empty", "/empty/", "/data.txt/"] {
        assert_eq!(site.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn a_precompressed_variant_is_sent_to_those_who_accept_it() {
    let site = site();
    for (accepted, coding, content) in [
        ("gzip, br", "br", "brotli"),
        ("gzip, zstd", "gzip", "gzip"),
        ("br;q=0.1, gzip", "gzip", "gzip"),
        ("zstd", "", "script"),
    ] {
        let answer = site.get("/app-3f2a9c1b.js", &[("accept-encoding", accepted)]);
        assert_eq!(answer.text(), content, "{accepted}");
        assert_eq!(answer.header("content-encoding"), coding);
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(
            answer.header("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
    }
}

#[test]
fn each_variant_has_its_own_tag() {
    let site = site();
    let tags = ["br", "gzip", "identity"].map(|accepted| {
        let answer = site.get("/app-3f2a9c1b.js", &[("accept-encoding", accepted)]);
        answer.header("etag").to_owned()
    });
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
}

#[test]
fn a_client_that_has_the_file_is_told_so() {
    let site = site();
    let tag = site.get("/data.txt", &[]).header("etag").to_owned();
    let answer = site.get("/data.txt", &[("if-none-match", &tag)]);
    assert_eq!((answer.status.as_u16(), answer.content.len()), (304, 0));
    assert_eq!(answer.header("etag"), tag);
    assert!(!answer.header("cache-control").is_empty());
    assert!(answer.headers.get(header::CONTENT_LENGTH).is_none());
    let answer = site.get("/data.txt", &[("if-match", "\"other\"")]);
    assert_eq!(answer.status, 412);
}

#[test]
fn a_range_is_a_part_of_the_file() {
    let site = site();
    let tag = site.get("/data.txt", &[]).header("etag").to_owned();
    let answer = site.get("/data.txt", &[("range", "bytes=2-4"), ("if-range", &tag)]);
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (206, "234")
    );
    assert_eq!(answer.header("content-range"), "bytes 2-4/10");
    assert_eq!(answer.header("content-length"), "3");
    let fields = [("range", "bytes=2-4"), ("if-range", "\"other\"")];
    assert_eq!(site.get("/data.txt", &fields).status, 200);
    let answer = site.get("/data.txt", &[("range", "bytes=10-")]);
    assert_eq!(answer.status, 416);
    assert_eq!(answer.header("content-range"), "bytes */10");
    assert_eq!(answer.header("cache-control"), "");
}

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    let site = site();
    for (path, status) in [("/data.txt", 200), ("/none", 404)] {
        let (head, get) = (
            site.ask(Method::HEAD, path, &[("range", "bytes=0-1")]),
            site.get(path, &[]),
        );
        assert_eq!(head.status, status);
        assert_eq!(head.content.len(), 0);
        assert_eq!(head.headers, get.headers);
    }
}

#[test]
fn nothing_but_reading_is_allowed() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = site().ask(method, "/data.txt", &[]);
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
}

#[test]
fn what_is_not_there_or_not_meant_to_be_read_has_the_sites_own_page() {
    let site = Folder::of(&[("404.html", b"gone"), (".env", b"secret")]);
    for path in ["/none", "/.env", "/../etc/passwd", "/%2e%2e/etc/passwd"] {
        let answer = site.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.text(), "gone", "{path}");
        assert_eq!(answer.header("cache-control"), "public, max-age=10");
        assert_eq!(answer.header("etag"), "");
    }
    let long = format!("/{}", "x".repeat(5_000));
    assert_eq!(site.get(&long, &[]).status, 404);
}

#[test]
fn long_files_are_streamed_and_their_parts_are_read_alone() {
    let length = usize::try_from(MAX_READ_AT_ONCE_BYTES).unwrap() * 3 + 7;
    let content: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
    let site = Folder::of(&[("long.bin", &content)]);
    let answer = site.get("/long.bin", &[]);
    assert_eq!(answer.content, content);
    assert_eq!(answer.header("content-length"), length.to_string());
    let tag = answer.header("etag").to_owned();
    for (range, expected) in [
        ("bytes=1000000-1000009", &content[1_000_000..1_000_010]),
        ("bytes=-9", &content[length - 9..]),
        ("bytes=5-3000000", &content[5..3_000_001]),
    ] {
        let answer = site.get("/long.bin", &[("range", range), ("if-range", &tag)]);
        assert_eq!(answer.status, 206);
        assert_eq!(answer.content, expected, "{range}");
    }
}
