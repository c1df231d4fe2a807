//! Promise: the sample app is the whole RealWorld API.

use serde_json::json;
use terrace_tests::realworld::{Api, path_of, unique};
use terrace_tests::{App, Running};

/// Conduit on a database of its own, mounted as in the root manifest.
async fn conduit() -> (Running, Api) {
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    (app, api)
}

terrace_tests::realworld_tests!(conduit);

#[tokio::test]
async fn articles_and_logins_outlive_a_kill() {
    let (app, api) = conduit().await;
    let author = api.register().await;
    let article = api.publish(&author, &unique("Kept "), &["kept"]).await;
    let app = app.kill_and_restart().await;
    let api = Api::new(&app.url("/api"));
    let read = api
        .get(&path_of(&article), &author.token)
        .await
        .expect(200)
        .json();
    assert_eq!(read["article"], article);
    api.get("/user", &author.token).await.expect(200);
}

/// Fifty writers at once: each gets its article, and the counts agree.
#[tokio::test]
async fn concurrent_writers_lose_nothing() {
    let (_app, api) = conduit().await;
    let author = api.register().await;
    let slugs = terrace_tests::load::at_once(50, |index| {
        let (api, author) = (&api, &author);
        async move {
            api.publish(author, &format!("Concurrent {index}"), &["same"])
                .await["slug"]
                .to_string()
        }
    })
    .await;
    assert_eq!(
        slugs
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        50
    );
    let list = api
        .get(&format!("/articles?author={}&limit=1", author.username), "")
        .await
        .expect(200)
        .json();
    assert_eq!(list["articlesCount"], 50);
    assert_eq!(
        api.get("/tags", "").await.expect(200).json(),
        json!({"tags": ["same"]})
    );
}
