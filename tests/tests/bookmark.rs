//! Promise: a client reads what it wrote, also through a server that has not heard of the write yet.

use http::Method;
use serde_json::json;
use terrace_tests::client::{Answer, request};
use terrace_tests::contract::metric;
use terrace_tests::proxy::{Door, Proxy};
use terrace_tests::{App, Running, redis};

/// A response that is stored for a minute, and different each time.
const STORED: &str = "/with?cache-control=max-age%3D60";

/// The field with a bookmark.
const FIELD: &str = "terrace-bookmark";

/// Two servers on one Redis. The second reaches it through a proxy.
struct Pair {
    one: Running,
    two: Running,
    redis: redis::Server,
    proxy: Proxy,
}

impl Pair {
    async fn start() -> Self {
        let redis = redis::Server::start();
        let proxy = Proxy::before(&redis.socket());
        let app = |url: &str| {
            let app = App::of("faults-p3");
            app.config(&format!("[cache]\nshared = {url:?}")).start()
        };
        let url = format!("redis://{}", proxy.address());
        let (one, two) = tokio::join!(app(&redis.url()), app(&url));
        let pair = Self {
            one,
            two,
            redis,
            proxy,
        };
        pair.until_followed(1.0).await;
        pair
    }

    /// Waits until both servers follow the log, or neither.
    async fn until_followed(&self, is_followed: f64) {
        for server in [&self.one, &self.two] {
            let metric = server.until_metric(metric::CACHE_FOLLOWED, &[], |is| is == is_followed);
            metric.await;
        }
    }

    /// Writes through the first server; gives the fields that bring the bookmark back: one of a browser, one of a program.
    async fn write(&self) -> [(&'static str, String); 2] {
        let written = self.one.post(STORED, "").await.expect(200);
        let cookie = written.header("set-cookie");
        let (pair, _) = cookie.split_once(';').expect("attributes");
        let field = written.header(FIELD);
        assert_eq!(pair, format!("__Host-terrace-bookmark={field}"));
        [("cookie", pair.to_owned()), (FIELD, field.to_owned())]
    }

    /// Reads through the second server, as the client of the bookmark does.
    async fn read(&self, bookmark: &(&str, String)) -> Answer {
        let (name, value) = bookmark;
        let fields = [(*name, value.as_str()), ("host", HOST)];
        let request = request(Method::GET, &self.two.url(STORED), &fields, "");
        self.two.client.send(request).await.expect(200)
    }

    /// Has the second server store a response.
    async fn warm(&self) {
        let stranger = ("accept", "*/*".to_owned());
        self.read(&stranger).await;
        assert!(self.read(&stranger).await.is_hit());
    }

    async fn bookmarks(&self, result: &str) -> f64 {
        let metrics = self.two.metrics().await;
        metrics.sum(metric::CACHE_BOOKMARKS, &[("result", result)])
    }
}

/// The host that clients ask the second server for.
const HOST: &str = "app.test";

fn went_past(answer: &Answer) -> bool {
    answer.cache_status().starts_with("fwd=bypass")
}

#[tokio::test]
async fn a_client_reads_its_write_at_once_through_the_other_server() {
    let pair = Pair::start().await;
    for round in 0..20 {
        pair.warm().await;
        let bookmark = &pair.write().await[round % 2];
        let read = pair.read(bookmark).await;
        assert!(!read.is_hit(), "{read:?}");
        for name in ["set-cookie", FIELD] {
            assert!(!read.headers.contains_key(name), "others may get it");
        }
    }
    assert_eq!(pair.bookmarks("reached").await, 20.0);
}

#[tokio::test]
async fn a_client_reads_its_write_through_a_server_that_lags_behind() {
    let pair = Pair::start().await;
    pair.warm().await;
    pair.proxy.door(Door::Silent);
    pair.proxy.swallow_all();
    for bookmark in &pair.write().await {
        let read = pair.read(bookmark).await;
        assert!(went_past(&read), "{read:?}");
    }
    assert_eq!(pair.bookmarks("behind").await, 2.0);
    let [_, (name, good)] = pair.write().await;
    let forged = (name, good.replacen("1.", "1.other", 1));
    let digit = if good.ends_with('0') { '1' } else { '0' };
    let foreign = (name, format!("{}{digit}", &good[..good.len() - 1]));
    for wrong in [forged, foreign, (name, "1..0.0.".to_owned())] {
        let read = pair.read(&wrong).await;
        assert!(!went_past(&read), "{read:?}");
    }
}

#[tokio::test]
async fn a_write_that_no_other_server_can_learn_of_is_read_past_the_cache() {
    let mut pair = Pair::start().await;
    let [_, before] = pair.write().await;
    pair.redis.kill();
    let [_, during] = pair.write().await;
    pair.until_followed(0.0).await;
    pair.redis.restart();
    pair.until_followed(1.0).await;
    pair.warm().await;
    for bookmark in [&before, &during] {
        assert!(went_past(&pair.read(bookmark).await), "{bookmark:?}");
    }
    // The client's next write does not make good that nobody may have learnt of the one before.
    let fields = [(during.0, during.1.as_str())];
    let write = request(Method::POST, &pair.one.url(STORED), &fields, "");
    let written = pair.one.client.send(write).await.expect(200);
    let next = (FIELD, written.header(FIELD).to_owned());
    assert!(went_past(&pair.read(&next).await));
    let [_, another] = pair.write().await;
    assert!(!went_past(&pair.read(&another).await));
}

#[tokio::test]
async fn the_function_sees_other_cookies_and_no_bookmark() {
    let pair = Pair::start().await;
    let [(_, cookie), (_, field)] = pair.write().await;
    let cookies = format!("a=1; {cookie}; b=2");
    for method in [Method::GET, Method::POST] {
        let fields = [("cookie", cookies.as_str()), (FIELD, field.as_str())];
        let request = request(method, &pair.two.url("/headers"), &fields, "");
        let seen = pair.two.client.send(request).await.expect(200).json();
        assert_eq!(seen["cookie"], json!(["a=1; b=2"]), "{seen}");
        assert!(seen.get(FIELD).is_none(), "{seen}");
    }
}
