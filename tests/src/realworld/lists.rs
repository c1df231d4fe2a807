//! Lists of articles, the feed, and tags.

use serde_json::{Value, json};

use super::{Api, path_of, refused, unique};

fn titles(list: &Value) -> Vec<&str> {
    let articles = list["articles"]
        .as_array()
        .expect("a list has articles")
        .iter();
    articles
        .filter_map(|article| article["title"].as_str())
        .collect()
}

/// The newest article comes first.
pub async fn lists_are_newest_first(api: &Api) {
    let author = api.register().await;
    let names: Vec<_> = (0..3)
        .map(|index| unique(&format!("Order {index} ")))
        .collect();
    for name in &names {
        api.publish(&author, name, &[]).await;
    }
    let list = api
        .get(&format!("/articles?author={}", author.username), "")
        .await
        .expect(200)
        .json();
    assert_eq!(
        titles(&list),
        names.iter().rev().map(String::as_str).collect::<Vec<_>>()
    );
    assert_eq!(list["articlesCount"], 3);
}

/// Pages do not overlap, leave nothing out, and count the whole.
pub async fn lists_are_cut_into_pages(api: &Api) {
    let author = api.register().await;
    for index in 0..25 {
        api.publish(&author, &unique(&format!("Page {index} ")), &[])
            .await;
    }
    let path = format!("/articles?author={}", author.username);
    let first = api.get(&path, "").await.expect(200).json();
    assert_eq!(titles(&first).len(), 20, "20 are given where no limit is");
    let mut seen = Vec::new();
    for offset in [0, 10, 20] {
        let page = api
            .get(&format!("{path}&limit=10&offset={offset}"), "")
            .await
            .expect(200)
            .json();
        assert_eq!(page["articlesCount"], 25);
        seen.extend(titles(&page).into_iter().map(str::to_owned));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    let beyond = api
        .get(&format!("{path}&offset=100"), "")
        .await
        .expect(200)
        .json();
    assert_eq!(titles(&beyond).len(), 0);
}

/// By tag, by author, by favourite, and by several of them.
pub async fn lists_are_filtered(api: &Api) {
    let (author, fan) = (api.register().await, api.register().await);
    let tag = unique("tag");
    let tagged = api
        .publish(&author, &unique("Tagged "), &[&tag, "common"])
        .await;
    let plain = api.publish(&author, &unique("Plain "), &[]).await;
    api.poke(&format!("{}/favorite", path_of(&plain)), &fan.token)
        .await
        .expect(200);
    let one = async |query: String| {
        let list = api
            .get(&format!("/articles?{query}"), &fan.token)
            .await
            .expect(200)
            .json();
        assert_eq!(list["articlesCount"], 1, "{query}: {list}");
        list["articles"][0].clone()
    };
    assert_eq!(one(format!("tag={tag}")).await["slug"], tagged["slug"]);
    let favourite = one(format!("favorited={}", fan.username)).await;
    assert_eq!(favourite["slug"], plain["slug"]);
    assert_eq!(favourite["favorited"], true);
    one(format!("tag={tag}&author={}", author.username)).await;
    let none = api
        .get(
            &format!("/articles?tag={tag}&favorited={}", fan.username),
            "",
        )
        .await
        .expect(200)
        .json();
    assert_eq!(none["articlesCount"], 0);
}

/// Lists are for overviews: the bodies are left out.
pub async fn lists_have_no_bodies(api: &Api) {
    let author = api.register().await;
    api.publish(&author, &unique("Bodiless "), &["a"]).await;
    let list = api
        .get(&format!("/articles?author={}", author.username), "")
        .await
        .expect(200)
        .json();
    let article = &list["articles"][0];
    assert!(article.get("body").is_none(), "{article}");
    for field in [
        "slug",
        "title",
        "description",
        "tagList",
        "createdAt",
        "updatedAt",
        "favorited",
        "favoritesCount",
        "author",
    ] {
        assert!(article.get(field).is_some(), "no {field} in {article}");
    }
}

/// The feed has the articles of those one follows, and no others.
pub async fn the_feed_is_of_those_followed(api: &Api) {
    let (fan, followed, stranger) = (
        api.register().await,
        api.register().await,
        api.register().await,
    );
    assert_eq!(
        api.get("/articles/feed", &fan.token)
            .await
            .expect(200)
            .json(),
        json!({"articles": [], "articlesCount": 0})
    );
    let follow = format!("/profiles/{}/follow", followed.username);
    api.poke(&follow, &fan.token).await.expect(200);
    let names = [unique("Feed 1 "), unique("Feed 2 ")];
    for name in &names {
        api.publish(&followed, name, &[]).await;
    }
    api.publish(&stranger, &unique("Strange "), &[]).await;
    let feed = api
        .get("/articles/feed", &fan.token)
        .await
        .expect(200)
        .json();
    assert_eq!(titles(&feed), [names[1].as_str(), names[0].as_str()]);
    assert_eq!(feed["articles"][0]["author"]["following"], true);
    let page = api
        .get("/articles/feed?limit=1&offset=1", &fan.token)
        .await
        .expect(200)
        .json();
    assert_eq!(titles(&page), [names[0].as_str()]);
    assert_eq!(page["articlesCount"], 2);
    api.delete(&follow, &fan.token).await.expect(200);
    assert_eq!(
        api.get("/articles/feed", &fan.token)
            .await
            .expect(200)
            .json()["articlesCount"],
        0
    );
}

/// A tag that several articles have is listed once.
pub async fn tags_are_listed_once(api: &Api) {
    let author = api.register().await;
    let tag = unique("tag");
    for _ in 0..2 {
        api.publish(&author, &unique("Tagging "), &[&tag, &tag])
            .await;
    }
    let tags = api.get("/tags", "").await.expect(200).json();
    let found = tags["tags"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|listed| **listed == tag.as_str())
        .count();
    assert_eq!(found, 1);
}

/// Filters with quotes, wildcards and numbers out of range are values, not SQL, and never an error of the server.
pub async fn odd_filters_find_nothing_and_break_nothing(api: &Api) {
    for odd in [
        "%27%20OR%201%3D1--",
        "%25",
        "_",
        "%22",
        "%00",
        "%F0%9F%A6%80",
    ] {
        for filter in ["tag", "author", "favorited"] {
            let answer = api.get(&format!("/articles?{filter}={odd}"), "").await;
            assert!(
                [200, 422].contains(&answer.status),
                "{filter}={odd} gave {}",
                answer.status
            );
            assert!(
                answer.status == 422 || answer.json()["articlesCount"] == 0,
                "{filter}={odd} found something"
            );
        }
    }
    for page in [
        "limit=-1",
        "limit=x",
        "offset=-1",
        "offset=99999999999999999999",
        "limit=0",
        "limit=1000000000",
    ] {
        let answer = api.get(&format!("/articles?{page}"), "").await;
        if answer.status != 200 {
            refused(&answer, &[422]);
        }
    }
}
