//! Promise: edges behind a shield are a CDN. The origin is asked once for one thing, a purge reaches all of them within a second, what
//! they hold serves while their region is gone, and large files fill no memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use http::request::Parts;
use http::{Method, Response};
use http_body_util::BodyExt;
use serde_json::json;
use terrace_tests::client::{Answer, request, whole};
use terrace_tests::contract::{CACHE_STATUS_FIELD, metric};
use terrace_tests::raw::Connection;
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Running, redis};
use tokio::sync::watch;

/// The host that all clients ask for, whichever edge they reach.
const HOST: &str = "shop.example";

/// An origin, a shield before it, and two edges before the shield.
struct Region {
    origin: Upstream,
    shield: Running,
    edges: [Running; 2],
}

impl Region {
    /// The origin counts in its answers and gives them these fields.
    async fn start(fields: &'static [(&'static str, &'static str)]) -> Self {
        Self::with(counting(fields).await, "").await
    }

    /// The same with these settings of all three caches.
    async fn with(origin: Upstream, settings: &str) -> Self {
        let shield = App::edge(&origin.url).config(settings).start().await;
        let own = format!("{settings}\n[edge]\nshield = [{:?}]", shield.http);
        let edge = || App::edge(&origin.url).config(&own).start();
        let edges = [edge().await, edge().await];
        Self {
            origin,
            shield,
            edges,
        }
    }
}

impl Region {
    /// The requests of clients that the origin got; the others are health checks.
    fn asked(&self) -> Vec<Parts> {
        let mut seen = self.origin.seen();
        seen.retain(|request| request.method == Method::GET);
        seen
    }
}

async fn counting(fields: &'static [(&'static str, &'static str)]) -> Upstream {
    let count = AtomicU32::new(0);
    Upstream::answering(move |_| {
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        let response = fields
            .iter()
            .fold(Response::builder(), |response, (name, value)| {
                response.header(*name, *value)
            });
        let response = response
            .body(whole(count.to_string()))
            .expect("a valid response");
        async { response }
    })
    .await
}

/// Asks a server as a client of the one host does.
async fn ask(server: &Running, path: &str) -> Answer {
    server.get_with(path, &[("host", HOST)]).await.expect(200)
}

/// What each cache says of a response, that nearest to the origin first (RFC 9211 §2).
fn statuses(answer: &Answer) -> Vec<String> {
    let values = answer.headers.get_all(CACHE_STATUS_FIELD).iter();
    let values = values.map(|value| value.to_str().expect("text"));
    let members = values.flat_map(|value| value.split(", "));
    members.map(str::to_owned).collect()
}

#[tokio::test]
async fn each_cache_on_the_way_says_what_it_did_and_age_adds_up() {
    let region = Region::start(&[("cache-control", "max-age=60"), ("age", "20")]).await;
    let [one, two] = &region.edges;
    let first = statuses(&ask(one, "/").await);
    assert_eq!(first.len(), 2, "{first:?}");
    for status in &first {
        assert!(
            status.contains("fwd=uri-miss") && status.ends_with("stored"),
            "{status}"
        );
    }
    let second = ask(two, "/").await;
    let of_each = statuses(&second);
    assert!(of_each[0].starts_with("terrace; hit; ttl="), "{of_each:?}");
    assert!(of_each[1].contains("fwd=uri-miss"), "{of_each:?}");
    let third = ask(two, "/").await;
    let of_each = statuses(&third);
    assert!(
        of_each
            .last()
            .expect("two")
            .starts_with("terrace; hit; ttl="),
        "{of_each:?}"
    );
    for answer in [second, third] {
        let age: u32 = answer.header("age").parse().expect("a number");
        assert!((20..50).contains(&age), "{age}");
    }
    assert_eq!(region.asked().len(), 1);
}

#[tokio::test]
async fn the_origin_is_asked_once_for_each_of_ten_thousand_things() {
    const THINGS: u32 = 10_000;
    let region = Region::start(&[("cache-control", "max-age=600")]).await;
    let asked = stream::iter(0..2 * THINGS).map(|number| {
        let edge = &region.edges[(number % 2) as usize];
        async move { ask(edge, &format!("/{}", number / 2)).await }
    });
    let answers: Vec<Answer> = asked.buffer_unordered(32).collect().await;
    assert_eq!(answers.len(), 2 * THINGS as usize);
    let mut seen: Vec<String> = region
        .asked()
        .iter()
        .map(|request| request.uri.path().to_owned())
        .collect();
    let requests = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), requests), (THINGS as usize, THINGS as usize));
}

/// An origin that answers with a megabyte when it is released, and tells how many requests it has.
async fn held() -> (Upstream, watch::Receiver<u32>, watch::Sender<bool>) {
    let (begun, begins) = watch::channel(0_u32);
    let (release, released) = watch::channel(false);
    let begun = Arc::new(begun);
    let origin = Upstream::answering(move |_| {
        let (begun, mut released) = (Arc::clone(&begun), released.clone());
        async move {
            begun.send_modify(|count| *count += 1);
            let released = released.wait_for(|released| *released).await;
            released.expect("the test releases");
            let response = Response::builder().header("cache-control", "max-age=600");
            let response = response.body(whole(vec![b'x'; HELD]));
            response.expect("a valid response")
        }
    });
    (origin.await, begins, release)
}

/// The length of the answer of a held origin, in bytes.
const HELD: usize = 1 << 20;

/// One of the clients reads nothing.
#[tokio::test]
async fn the_origin_is_asked_once_for_what_many_want_at_once() {
    let (origin, mut begins, release) = held().await;
    let region = Region::with(origin, "").await;
    let mut slow = Connection::open(&region.edges[0].http).await;
    let head = format!("GET /hot HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    slow.send(&head).await;
    let asking = stream::iter(0..200).map(|number| ask(&region.edges[number % 2], "/hot"));
    let asking = asking.buffer_unordered(200).collect::<Vec<Answer>>();
    let (answers, ()) = tokio::join!(asking, async {
        begins
            .wait_for(|count| *count > 0)
            .await
            .expect("it is asked");
        release.send(true).expect("the origin waits");
    });
    assert!(answers.iter().all(|answer| answer.body.len() == HELD));
    assert_eq!(region.asked().len(), 1);
    slow.read_until(&"x".repeat(1_000)).await;
}

/// Its request goes with it, so that nothing is fetched for nobody; those who wait ask once more.
#[tokio::test]
async fn a_client_that_leaves_costs_one_more_request_at_most() {
    let (origin, mut begins, release) = held().await;
    let region = Region::with(origin, "").await;
    let mut leaver = Connection::open(&region.edges[0].http).await;
    let head = format!("GET /hot HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    leaver.send(&head).await;
    begins
        .wait_for(|count| *count == 1)
        .await
        .expect("it is asked");
    drop(leaver);
    let asking = stream::iter(0..100).map(|number| ask(&region.edges[number % 2], "/hot"));
    let asking = asking.buffer_unordered(100).collect::<Vec<Answer>>();
    let (answers, ()) = tokio::join!(asking, async {
        begins
            .wait_for(|count| *count == 2)
            .await
            .expect("it is asked");
        release.send(true).expect("the origin waits");
    });
    assert!(answers.iter().all(|answer| answer.body.len() == HELD));
    assert_eq!(region.asked().len(), 2);
}

#[tokio::test]
async fn requests_go_past_a_shield_that_is_gone_and_to_it_when_it_is_back() {
    let Region {
        origin,
        shield,
        edges: [edge, _],
    } = Region::start(&[("cache-control", "no-store")]).await;
    for _ in 0..10 {
        assert_eq!(statuses(&ask(&edge, "/").await).len(), 2);
    }
    shield.process.kill();
    for _ in 0..50 {
        ask(&edge, "/").await;
    }
    let seen = origin.seen().into_iter();
    assert_eq!(seen.filter(|one| one.method == Method::GET).count(), 60);
    assert_eq!(statuses(&ask(&edge, "/").await).len(), 1);
    let _shield = shield.come_back().await;
    until("it goes through the shield", async || {
        let through = statuses(&ask(&edge, "/").await).len() == 2;
        through.then_some(())
    })
    .await;
}

#[tokio::test]
async fn urls_are_spread_over_shields_and_go_to_the_others_when_one_fails() {
    let origin = counting(&[("cache-control", "max-age=600")]).await;
    let shield = || App::edge(&origin.url).start();
    let [one, two] = [shield().await, shield().await];
    let edge = async |shields: [&Running; 2]| {
        let shields = shields.map(|shield| shield.http.clone());
        let own = format!("[edge]\nshield = {shields:?}");
        App::edge(&origin.url).config(&own).start().await
    };
    // Their lists are in different orders, and yet they ask the same shield for one thing.
    let (first, second) = (edge([&one, &two]).await, edge([&two, &one]).await);
    let asked = || {
        let seen = origin.seen().into_iter();
        seen.filter(|request| request.method == Method::GET).count()
    };
    let all = 0..60;
    for number in all.clone() {
        for edge in [&first, &second] {
            assert_eq!(statuses(&ask(edge, &format!("/{number}")).await).len(), 2);
        }
    }
    assert_eq!(asked(), 60);
    let requests = one.metrics().await.sum(metric::CACHE_REQUESTS, &[]);
    assert!((20.0..100.0).contains(&requests), "{requests} of 120");
    one.process.kill();
    for number in all {
        ask(&first, &format!("/{number}?again")).await;
    }
    // The other shield has them all; one or two went to the origin while nobody knew.
    let third = edge([&one, &two]).await;
    until("the lost shield is noticed", async || {
        let through = statuses(&ask(&third, "/0?again").await).len() == 2;
        through.then_some(())
    })
    .await;
    let before = asked();
    for number in 0..60 {
        ask(&third, &format!("/{number}?again")).await;
    }
    let more = asked() - before;
    assert!(more <= 5, "{more}");
}

/// A purge by the admin listener of a server.
async fn purge(server: &Running, what: &serde_json::Value) {
    let url = format!("{}/cache/purge", server.admin);
    let fields = [("content-type", "application/json")];
    let purge = request(Method::POST, &url, &fields, what.to_string());
    server.client.send(purge).await.expect(200);
}

/// The number that the origin gave to what a client gets.
async fn number(server: &Running, path: &str) -> u32 {
    ask(server, path).await.text().parse().expect("a number")
}

const ROUNDS: usize = 50;

/// Purges again and again through one edge; gives how long it took each time until all servers had a newer response.
async fn purge_times(region: &Region, what: &serde_json::Value) -> Vec<Duration> {
    let [one, two] = &region.edges;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let mut newest = 0;
        for server in [one, two, &region.shield] {
            newest = newest.max(number(server, "/page").await);
        }
        let begun = Instant::now();
        purge(one, what).await;
        for server in [one, two] {
            until("a purge everywhere", async || {
                (number(server, "/page").await > newest).then_some(())
            })
            .await;
        }
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

#[tokio::test]
async fn purges_reach_all_edges_within_a_second() {
    let redis = redis::Server::start();
    let settings = format!("[cache]\nshared = {:?}", redis.url());
    let fields = &[
        ("cache-control", "max-age=600, stale-while-revalidate=600"),
        ("cache-groups", "\"pages\""),
    ];
    let region = Region::with(counting(fields).await, &settings).await;
    for server in region.edges.iter().chain([&region.shield]) {
        let followed = server.until_metric(metric::CACHE_FOLLOWED, &[], |is| is == 1.0);
        followed.await;
    }
    let page = format!("http://{HOST}/page");
    let prefix = format!("http://{HOST}/pa");
    for what in [
        json!({"url": page}),
        json!({"prefix": prefix}),
        json!({"tag": "pages"}),
        json!({"url": page, "soft": true}),
        json!({"tag": "pages", "soft": true}),
    ] {
        let times = purge_times(&region, &what).await;
        let p99 = times[ROUNDS * 99 / 100];
        println!("{what}: median {:?}, p99 {p99:?}", times[ROUNDS / 2]);
        assert!(p99 < Duration::from_secs(1), "{what}: {times:?}");
    }
}

/// RFC 5861: what is only marked stale is served at once, and fetched anew meanwhile.
#[tokio::test]
async fn what_a_soft_purge_marked_is_served_while_it_is_fetched_anew() {
    let fields = &[("cache-control", "max-age=600, stale-while-revalidate=600")];
    let region = Region::start(fields).await;
    let edge = &region.edges[0];
    assert_eq!(number(edge, "/").await, 1);
    purge(&region.shield, &json!({"all": true})).await;
    purge(edge, &json!({"all": true, "soft": true})).await;
    let stale = ask(edge, "/").await;
    assert!(stale.is_hit() && stale.text() == "1", "{stale:?}");
    until("the new response", async || {
        (number(edge, "/").await == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_edges_hold_serves_while_their_region_is_gone() {
    let fields = &[(
        "cache-control",
        "max-age=600, stale-while-revalidate=600, stale-if-error=600",
    )];
    let region = Region::start(fields).await;
    let Region {
        origin,
        shield,
        edges: [edge, _],
    } = region;
    let stale = json!({"all": true, "soft": true});
    ask(&edge, "/page").await;
    // The origin is gone, and the shield answers in its place.
    drop(origin);
    purge(&edge, &stale).await;
    purge(&shield, &stale).await;
    assert_eq!(number(&edge, "/page").await, 1);
    // The shield is gone as well.
    shield.process.kill();
    shield.process.wait().await;
    for _ in 0..5 {
        purge(&edge, &stale).await;
        let answer = ask(&edge, "/page").await;
        assert_eq!(answer.text(), "1");
    }
    let missing = edge.get_with("/other", &[("host", HOST)]).await;
    assert_eq!(missing.status, 502);
}

/// The length of a file that is much larger than all memory of the caches, in bytes.
const LARGE: u64 = 256 << 20;

/// A node with a large file of zeros, and an edge whose cache has 16 MiB.
async fn with_large_file() -> (Running, Running) {
    let node = App::new()
        .component("assets", terrace_tests::guest("assets"))
        .route("/...")
        .grant("files = [{ source = \"www\", destination = \"/\" }]")
        .limit("timeout = \"5m\"")
        .file("www/small.txt", "0123456789".repeat(1_000))
        .file("www/large.bin", "");
    let large = std::fs::File::options()
        .write(true)
        .open(node.folder().join("www/large.bin"));
    let sized = large.and_then(|file| file.set_len(LARGE));
    sized.expect("a test's own folder can be written");
    let node = node.config("[cache]\nmemory = \"off\"").start().await;
    let edge = App::edge(&node.http).config("[cache]\nmemory = \"16MiB\"");
    (node, edge.start().await)
}

#[tokio::test]
async fn a_large_file_asked_for_in_ranges_fills_no_memory() {
    const PART: u64 = 1 << 20;
    let (_node, edge) = with_large_file().await;
    for first in (0..LARGE / PART).map(|part| part * PART) {
        let last = first + PART - 1;
        let range = format!("bytes={first}-{last}");
        let answer = edge.get_with("/large.bin", &[("range", &range)]).await;
        let told = format!("bytes {first}-{last}/{LARGE}");
        assert_eq!(answer.header("content-range"), told);
        assert_eq!(answer.expect(206).body.len() as u64, PART);
    }
    let stored = edge.metrics().await.sum(metric::CACHE_STORED_BYTES, &[]);
    assert!(stored <= f64::from(16 << 20), "{stored}");
    let memory = edge.process.memory();
    assert!(memory < LARGE, "the process takes {memory} bytes");
}

#[tokio::test]
async fn a_large_file_passes_through_whole() {
    let (_node, edge) = with_large_file().await;
    let url = edge.url("/large.bin");
    let response = edge
        .client
        .stream(request(Method::GET, &url, &[], ""))
        .await;
    let status = response.headers()[CACHE_STATUS_FIELD].to_str();
    assert!(status.expect("text").ends_with("detail=not-wanted"));
    let mut content = response.into_body();
    let mut length = 0;
    while let Some(frame) = content.frame().await {
        let frame = frame.expect("the content arrives whole");
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    assert_eq!(length, LARGE);
    // Nobody waits for anybody then, and a part is still a part.
    let answer = edge.get_with("/large.bin", &[("range", "bytes=-5")]).await;
    assert_eq!(answer.expect(206).body.len(), 5);
    let memory = edge.process.memory();
    assert!(memory < LARGE, "the process takes {memory} bytes");
}

#[tokio::test]
async fn a_stored_file_answers_for_its_parts() {
    let (_node, edge) = with_large_file().await;
    let whole = edge.get("/small.txt").await.expect(200);
    for (range, part) in [
        ("bytes=5-14", "5678901234"),
        ("bytes=-3", "789"),
        ("bytes=9998-", "89"),
    ] {
        let tag = whole.header("etag");
        let fields = [("range", range), ("if-range", tag)];
        let answer = edge.get_with("/small.txt", &fields).await;
        assert!(answer.is_hit(), "{answer:?}");
        assert_eq!(answer.expect(206).text(), part);
    }
    let answer = edge
        .get_with("/small.txt", &[("range", "bytes=10000-")])
        .await;
    answer.expect(416);
}
