//! Promise: what does not fit into the cache's memory is on disk, also after a restart; purges apply to it; and whatever happens to the
//! disk, no request fails or waits for it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::{Method, Response};
use tempfile::TempDir;
use terrace_tests::client::{Answer, request, whole};
use terrace_tests::contract::exit;
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Running};

/// The length of a response, in bytes.
const LENGTH: usize = 100_000;

/// An origin, and a folder for the cache of an edge before it.
struct Place {
    origin: Upstream,
    folder: TempDir,
}

impl Place {
    /// The origin counts in the beginning of its answers.
    async fn new() -> Self {
        let count = AtomicU32::new(0);
        let origin = Upstream::answering(move |_| {
            let count = count.fetch_add(1, Ordering::Relaxed) + 1;
            let response = Response::builder()
                .header("cache-control", "max-age=600")
                .header("cache-groups", "\"pages\"");
            let content = whole(format!("{count} {}", "x".repeat(LENGTH)));
            let response = response.body(content).expect("a valid response");
            async { response }
        });
        let origin = origin.await;
        let folder = tempfile::tempdir().expect("a test has room for a folder");
        Self { origin, folder }
    }

    fn edge(&self, memory: &str) -> App {
        let path = self.folder.path();
        App::edge(&self.origin.url).config(&format!(
            "[cache]\nmemory = {memory:?}\ncompression = false\ndisk = {{ path = {path:?}, size = \"1GiB\" }}"
        ))
    }

    /// The files of stored responses.
    fn files(&self) -> Vec<PathBuf> {
        let parts = fs::read_dir(self.folder.path().join("entries"));
        let parts = parts.into_iter().flatten().flatten();
        let files = parts.flat_map(|part| fs::read_dir(part.path()).into_iter().flatten());
        let files = files.flatten().map(|file| file.path());
        files.filter(|file| file.extension().is_none()).collect()
    }

    /// Waits until a new process has read the folder, and has written what was stored before: then it writes what is new.
    async fn until_read(&self, edge: &Running) {
        let begun = SystemTime::now();
        until("a file that is new", async || {
            // A disk that was late is not used for a second, so one request may not be enough.
            ask(edge, &format!("/read/{}", self.origin.seen().len())).await;
            let files = self.files().into_iter();
            let mut times = files.filter_map(|file| file.metadata().ok()?.modified().ok());
            times.any(|time| time >= begun).then_some(())
        })
        .await;
    }

    async fn until_files(&self, count: usize) {
        until(&format!("{count} files"), async || {
            (self.files().len() == count).then_some(())
        })
        .await;
    }
}

/// Asks as a client of one host does, whatever the address of the edge.
async fn ask(edge: &Running, path: &str) -> Answer {
    let answer = edge.get_with(path, &[("host", "shop.example")]).await;
    answer.expect(200)
}

/// The number that the origin gave to what a client gets.
async fn number(edge: &Running, path: &str) -> u32 {
    let text = ask(edge, path).await.text();
    let number = text
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    number.expect("it begins with a number")
}

#[tokio::test]
async fn responses_survive_a_killed_process() {
    let place = Place::new().await;
    let edge = place.edge("16MiB").start().await;
    assert_eq!(number(&edge, "/").await, 1);
    place.until_files(1).await;
    let edge = edge.kill_and_restart().await;
    place.until_read(&edge).await;
    let answer = ask(&edge, "/").await;
    assert!(answer.cache_status().ends_with("detail=disk"), "{answer:?}");
    assert!(
        answer.is_hit() && answer.text().starts_with("1 "),
        "{answer:?}"
    );
    let answer = ask(&edge, "/").await;
    assert!(
        answer.is_hit() && !answer.cache_status().contains("disk"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn what_memory_has_no_room_for_comes_from_disk() {
    const PAGES: usize = 50;
    let place = Place::new().await;
    let edge = place.edge("1MiB").start().await;
    for page in 0..PAGES {
        ask(&edge, &format!("/{page}")).await;
        place.until_files(page + 1).await;
    }
    for page in 0..PAGES {
        let answer = ask(&edge, &format!("/{page}")).await;
        assert!(answer.is_hit(), "{page}: {answer:?}");
        assert!(answer.text().starts_with(&format!("{} ", page + 1)));
    }
    assert_eq!(place.origin.seen().len(), PAGES);
}

#[tokio::test]
async fn what_was_purged_does_not_come_back() {
    let place = Place::new().await;
    let mut edge = place.edge("16MiB").start().await;
    let url = "http://shop.example/page";
    for what in [
        &["--url", url][..],
        &["--prefix", "http://shop.example/pa"],
        &["--tag", "pages"],
        &["--all"],
        &["--tag", "pages", "--soft"],
    ] {
        let before = number(&edge, "/page").await;
        // What is written later is there, so the page is.
        place.until_read(&edge).await;
        edge.purge(what).await;
        edge = edge.kill_and_restart().await;
        place.until_read(&edge).await;
        assert!(number(&edge, "/page").await > before, "{what:?}");
    }
    // So does a write.
    let before = number(&edge, "/page").await;
    place.until_read(&edge).await;
    let fields = [("host", "shop.example")];
    let write = request(Method::POST, &edge.url("/page"), &fields, "");
    edge.client.send(write).await.expect(200);
    edge = edge.kill_and_restart().await;
    place.until_read(&edge).await;
    assert!(number(&edge, "/page").await > before);
}

#[tokio::test]
async fn a_file_that_was_written_in_part_is_not_served() {
    let place = Place::new().await;
    let edge = place.edge("16MiB").start().await;
    ask(&edge, "/").await;
    place.until_files(1).await;
    let file = place.files().remove(0);
    let text = fs::read(&file).expect("it is there");
    fs::write(&file, &text[..text.len() / 2]).expect("a test's own folder can be written");
    let edge = edge.kill_and_restart().await;
    place.until_read(&edge).await;
    assert!(number(&edge, "/").await > 1);
}

#[tokio::test]
async fn two_processes_on_one_folder_are_refused() {
    let place = Place::new().await;
    let _edge = place.edge("16MiB").start().await;
    let refused = place.edge("16MiB").refuse().await;
    assert_ne!(refused.code, Some(exit::FINE));
    let folder = place.folder.path().to_string_lossy().into_owned();
    for word in [
        "another process uses the folder",
        &folder,
        "`disk` of [cache]",
    ] {
        assert!(refused.text.contains(word), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_successor_takes_the_folder_over_empty() {
    let place = Place::new().await;
    let first = place.edge("16MiB").start().await;
    ask(&first, "/").await;
    place.until_files(1).await;
    let second = place.edge("16MiB").in_place_of(&first).start().await;
    first.terminate().await;
    until("the successor writes", async || {
        let path = format!("/{}", place.origin.seen().len());
        ask(&second, &path).await;
        (!place.files().is_empty() && second.purge(&["--all"]).await > 0).then_some(())
    })
    .await;
}

/// Not a byte can be written any more.
#[tokio::test]
async fn a_full_disk_fails_no_request_and_leaves_nothing_stale() {
    let place = Place::new().await;
    let edge = place.edge("16MiB").start().await;
    let before = number(&edge, "/page").await;
    place.until_files(1).await;
    edge.process.limit_file_size(Some(0));
    for page in 0..20 {
        ask(&edge, &format!("/{page}")).await;
        assert!(ask(&edge, &format!("/{page}")).await.is_hit());
    }
    edge.purge(&["--all"]).await;
    assert!(number(&edge, "/page").await > before);
    let edge = edge.kill_and_restart().await;
    place.until_read(&edge).await;
    assert!(number(&edge, "/page").await > before);
}

/// A pipe in the place of a file: whoever opens it waits for somebody who writes.
#[tokio::test]
async fn a_disk_that_hangs_makes_no_request_wait() {
    let place = Place::new().await;
    let edge = place.edge("16MiB").start().await;
    ask(&edge, "/").await;
    place.until_files(1).await;
    let file = place.files().remove(0);
    edge.process.kill();
    fs::remove_file(&file).expect("a test's own folder can be written");
    let made = Command::new("mkfifo").arg(&file).status();
    assert!(made.expect("mkfifo is there").success());
    let edge = edge.kill_and_restart().await;
    place.until_read(&edge).await;
    let begun = Instant::now();
    for _ in 0..10 {
        ask(&edge, "/").await;
    }
    ask(&edge, "/other").await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let ended = edge.terminate().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
}
