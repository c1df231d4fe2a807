//! Promise: the sample app is the same whole API on Postgres, by its settings only.

use terrace_tests::postgres::Server;
use terrace_tests::realworld::{self, Api, path_of, unique};
use terrace_tests::{App, Running, load};

/// Conduit on a database of the server. The component is the one that runs on SQLite.
fn conduit(server: &Server) -> App {
    let url = server.url();
    App::conduit().config(&format!("[sql.default]\nurl = {url:?}"))
}

async fn start(server: &Server) -> (Running, Api) {
    let app = conduit(server).start().await;
    let api = Api::new(&app.url("/api"));
    (app, api)
}

#[tokio::test]
async fn articles_are_listed() {
    let server = Server::start();
    let (_app, api) = start(&server).await;
    let list = api.get("/articles", "").await.expect(200).json();
    assert_eq!(list["articlesCount"], 0);
    let author = api.register().await;
    let article = api
        .publish(&author, &unique("On Postgres "), &["new"])
        .await;
    let list = api.get("/articles", "").await.expect(200).json();
    assert_eq!(list["articlesCount"], 1);
    assert_eq!(list["articles"][0]["slug"], article["slug"]);
}

#[tokio::test]
async fn claims_of_the_realworld_api_hold() {
    let server = Server::start();
    let (_app, api) = start(&server).await;
    terrace_tests::target::all_hold(api, realworld::claims(), None).await;
}

#[tokio::test]
async fn articles_and_logins_outlive_a_kill() {
    let server = Server::start();
    let (app, api) = start(&server).await;
    let author = api.register().await;
    let article = api.publish(&author, &unique("Kept "), &["kept"]).await;
    let app = app.kill_and_restart().await;
    let api = Api::new(&app.url("/api"));
    let read = api.get(&path_of(&article), &author.token).await;
    assert_eq!(read.expect(200).json()["article"], article);
}

/// Fifty writers at once: each gets its article, and the counts agree.
#[tokio::test]
async fn concurrent_writers_lose_nothing() {
    let server = Server::start();
    let (_app, api) = start(&server).await;
    let author = api.register().await;
    load::at_once(50, |index| {
        let (api, author) = (&api, &author);
        async move {
            api.publish(author, &format!("Concurrent {index}"), &["same"])
                .await
        }
    })
    .await;
    let path = format!("/articles?author={}&limit=1", author.username);
    let list = api.get(&path, "").await.expect(200).json();
    assert_eq!(list["articlesCount"], 50);
}

/// Many requests of one user for one article at once, on two nodes: each batch has the effect of running alone.
#[tokio::test]
async fn batches_at_once_have_the_effect_of_one_after_the_other() {
    let server = Server::start();
    let ((_one, first), (_other, second)) = (start(&server).await, start(&server).await);
    let author = first.register().await;
    let article = first.publish(&author, &unique("Liked "), &["liked"]).await;
    let (path, token) = (path_of(&article), author.token.as_str());
    let favorite = format!("{path}/favorite");
    let node = |index: usize| {
        if index.is_multiple_of(2) {
            &first
        } else {
            &second
        }
    };
    let count = async || {
        let read = first.get(&path, token).await.expect(200).json();
        read["article"]["favoritesCount"].clone()
    };
    let liked = load::at_once(20, |index| node(index).poke(&favorite, token));
    for answer in liked.await {
        answer.expect(200);
    }
    assert_eq!(count().await, 1);
    let unliked = load::at_once(20, |index| node(index).delete(&favorite, token));
    for answer in unliked.await {
        answer.expect(200);
    }
    assert_eq!(count().await, 0);
    let deleted = load::at_once(10, |index| node(index).delete(&path, token));
    for answer in deleted.await {
        assert!([204, 404].contains(&answer.status), "{}", answer.status);
    }
    let list = first.get("/articles", "").await.expect(200).json();
    assert_eq!(list["articlesCount"], 0);
}

/// Two nodes start at once on an empty database, and both migrate it.
#[tokio::test]
async fn nodes_that_start_at_once_on_an_empty_database_migrate_it_once() {
    let server = Server::start();
    let (first, second) = (conduit(&server), conduit(&server));
    let ((_one, first), (_other, second)) = tokio::join!(
        async {
            let app = first.start().await;
            let api = Api::new(&app.url("/api"));
            (app, api)
        },
        async {
            let app = second.start().await;
            let api = Api::new(&app.url("/api"));
            (app, api)
        }
    );
    let lists = tokio::join!(first.get("/articles", ""), second.get("/articles", ""));
    lists.0.expect(200);
    lists.1.expect(200);
    let author = first.register().await;
    let article = first.publish(&author, &unique("Seen "), &[]).await;
    let read = second.get(&path_of(&article), &author.token).await;
    assert_eq!(read.expect(200).json()["article"], article);
}

/// While the server is gone, requests fail quickly; when it is back, they succeed, and nothing acknowledged is lost.
#[tokio::test]
async fn killed_server_fails_requests_quickly_and_loses_nothing() {
    let mut server = Server::start();
    let (app, api) = start(&server).await;
    let author = api.register().await;
    let article = api.publish(&author, &unique("Kept "), &[]).await;
    server.kill();
    for _ in 0..5 {
        let begun = std::time::Instant::now();
        let answer = app.get("/api/articles?limit=3").await;
        assert_eq!(answer.status, 500);
        let cause = answer.headers["proxy-status"].to_str().unwrap();
        assert_eq!(cause, "terrace; details=\"storage: unavailable\"");
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
    server.restart();
    terrace_tests::wait::until("the server is found again", async || {
        let answer = app.get("/api/articles?limit=4").await;
        (answer.status == 200).then_some(())
    })
    .await;
    let read = api.get(&path_of(&article), &author.token).await;
    assert_eq!(read.expect(200).json()["article"], article);
}
