//! Promise: the sample app is the same whole API through an edge, in front of several nodes and with caches everywhere.

use terrace_tests::contract::metric;
use terrace_tests::realworld::{self, Api};
use terrace_tests::{App, Running, postgres, redis};

async fn until_followed(server: &Running) {
    let followed = server.until_metric(metric::CACHE_FOLLOWED, &[], |is| is == 1.0);
    followed.await;
}

#[tokio::test]
async fn claims_of_the_realworld_api_hold_through_an_edge() {
    let (postgres, redis) = (postgres::Server::start(), redis::Server::start());
    let shared = format!("[cache]\nshared = {:?}", redis.url());
    let node = || {
        let node = App::conduit().config(&shared);
        let node = node.config(&format!("[sql.default]\nurl = {:?}", postgres.url()));
        node.config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]")
            .start()
    };
    let (one, two) = tokio::join!(node(), node());
    let edge = App::balancer(&[&one.http, &two.http]).config(&shared);
    let edge = edge.start().await;
    for server in [&edge, &one, &two] {
        until_followed(server).await;
    }
    let api = Api::new(&edge.url("/api"));
    terrace_tests::target::all_hold(api, realworld::claims(), None).await;
    for node in [&one, &two] {
        let labels = [("origin", node.http.trim_start_matches("http://"))];
        let served = edge.metrics().await.sum(metric::ORIGIN_REQUESTS, &labels);
        assert!(
            served >= 50.0,
            "{served} of the requests came to {labels:?}"
        );
    }
}
