//! Articles, favourites and comments.

use serde_json::{Value, json};

use super::{Api, path_of, refused, unique};

/// An article is answered with all of its fields, to its author and to everyone.
pub async fn an_article_is_published_and_read(api: &Api) {
    let author = api.register().await;
    let title = unique("An Article ");
    let published = api.publish(&author, &title, &["one", "two"]).await;
    let read = api.get(&path_of(&published), "").await.expect(200).json()["article"].clone();
    for article in [&published, &read] {
        assert_eq!(article["title"], title);
        assert_eq!(article["description"], format!("about {title}"));
        assert_eq!(article["body"], format!("all of {title}"));
        assert_eq!(article["tagList"], json!(["one", "two"]));
        assert_eq!(article["favorited"], false);
        assert_eq!(article["favoritesCount"], 0);
        assert_eq!(article["author"]["username"], author.username);
        assert_eq!(article["author"]["following"], false);
    }
}

/// Two articles may have one title; a slug names one of them.
pub async fn titles_alike_get_slugs_of_their_own(api: &Api) {
    let author = api.register().await;
    let title = unique("Twice ");
    let first = api.publish(&author, &title, &[]).await;
    let article = json!({"article": {"title": title, "description": "d", "body": "second"}});
    let second = api.post("/articles", &author.token, &article).await;
    if second.status == 201 {
        let second = second.json()["article"].clone();
        assert_ne!(first["slug"], second["slug"]);
        assert_eq!(
            api.get(&path_of(&second), "").await.expect(200).json()["article"]["body"],
            "second"
        );
    } else {
        refused(&second, &[409, 422]);
    }
    let kept = api.get(&path_of(&first), "").await.expect(200).json();
    assert_eq!(kept["article"]["body"], format!("all of {title}"));
}

/// Whatever a title is made of, its slug is a path segment that leads to it.
pub async fn odd_titles_get_usable_slugs(api: &Api) {
    let author = api.register().await;
    for odd in [
        "Ärger & Käse",
        "日本語",
        "???",
        "a/b?c#d",
        "  spaces  ",
        "../..",
        "-",
        "🦀",
    ] {
        let title = format!("{odd} {}", unique(""));
        let article = api.publish(&author, &title, &[]).await;
        let slug = article["slug"].as_str().expect("a slug is a string");
        assert!(
            !slug.is_empty() && !slug.contains(['/', '?', '#', ' ', '%']),
            "{title:?} became {slug:?}"
        );
        let encoded =
            percent_encoding::utf8_percent_encode(slug, percent_encoding::NON_ALPHANUMERIC);
        api.get(&format!("/articles/{encoded}"), "")
            .await
            .expect(200);
    }
}

/// An update changes the fields it names and no other.
pub async fn an_author_changes_an_article(api: &Api) {
    let author = api.register().await;
    let article = api.publish(&author, &unique("Changing "), &["kept"]).await;
    let change = json!({"article": {"body": "a new body"}});
    let changed = api
        .put(&path_of(&article), &author.token, &change)
        .await
        .expect(200)
        .json()["article"]
        .clone();
    assert_eq!(changed["body"], "a new body");
    for field in ["title", "description", "createdAt", "tagList"] {
        assert_eq!(changed[field], article[field], "{field}");
    }
    let title = unique("Renamed ");
    let change = json!({"article": {"title": title}});
    let renamed = api
        .put(&path_of(&changed), &author.token, &change)
        .await
        .expect(200)
        .json()["article"]
        .clone();
    let read = api.get(&path_of(&renamed), "").await.expect(200).json()["article"].clone();
    assert_eq!(read["title"], title);
}

/// A deleted article is gone, with its comments and its place in lists.
pub async fn an_author_deletes_an_article(api: &Api) {
    let author = api.register().await;
    let article = api.publish(&author, &unique("Going "), &[]).await;
    let comments = format!("{}/comments", path_of(&article));
    api.post(
        &comments,
        &author.token,
        &json!({"comment": {"body": "soon gone"}}),
    )
    .await;
    assert!(
        api.delete(&path_of(&article), &author.token)
            .await
            .expect(204)
            .body
            .is_empty()
    );
    refused(&api.get(&path_of(&article), "").await, &[404]);
    refused(&api.get(&comments, "").await, &[404]);
    let list = api
        .get(&format!("/articles?author={}", author.username), "")
        .await
        .expect(200)
        .json();
    assert_eq!(list["articlesCount"], 0);
}

/// Nobody but its author changes or deletes an article.
pub async fn others_change_nothing(api: &Api) {
    let (author, other) = (api.register().await, api.register().await);
    let article = api.publish(&author, &unique("Mine "), &[]).await;
    let change = json!({"article": {"body": "taken over"}});
    refused(
        &api.put(&path_of(&article), &other.token, &change).await,
        &[403],
    );
    refused(&api.delete(&path_of(&article), &other.token).await, &[403]);
    refused(&api.put(&path_of(&article), "", &change).await, &[401]);
    refused(&api.delete(&path_of(&article), "").await, &[401]);
    let read = api.get(&path_of(&article), "").await.expect(200).json();
    assert_eq!(read["article"]["body"], article["body"]);
}

/// Title, description and body are needed; tags are not.
pub async fn articles_need_their_fields(api: &Api) {
    let author = api.register().await;
    for field in ["title", "description", "body"] {
        let mut article = json!({"title": unique("t"), "description": "d", "body": "b"});
        article[field] = json!("");
        let answer = api
            .post("/articles", &author.token, &json!({ "article": article }))
            .await;
        refused(&answer, &[422]);
        assert!(
            answer.json()["errors"].get(field).is_some(),
            "{field}: {}",
            answer.text()
        );
    }
    let untagged = json!({"article": {"title": unique("t"), "description": "d", "body": "b"}});
    let answer = api
        .post("/articles", &author.token, &untagged)
        .await
        .expect(201)
        .json();
    assert_eq!(answer["article"]["tagList"], json!([]));
}

/// Every path below an article that does not exist says so.
pub async fn what_is_not_there_is_not_found(api: &Api) {
    let user = api.register().await;
    let path = format!("/articles/{}", unique("nowhere"));
    refused(&api.get(&path, "").await, &[404]);
    refused(
        &api.put(&path, &user.token, &json!({"article": {"body": "b"}}))
            .await,
        &[404],
    );
    refused(&api.delete(&path, &user.token).await, &[404]);
    refused(&api.get(&format!("{path}/comments"), "").await, &[404]);
    refused(
        &api.post(
            &format!("{path}/comments"),
            &user.token,
            &json!({"comment": {"body": "b"}}),
        )
        .await,
        &[404],
    );
    refused(
        &api.poke(&format!("{path}/favorite"), &user.token).await,
        &[404],
    );
    refused(
        &api.delete(&format!("{path}/favorite"), &user.token).await,
        &[404],
    );
}

/// However often one user favours an article, it counts once.
pub async fn favourites_are_counted_once(api: &Api) {
    let (author, first, second) = (
        api.register().await,
        api.register().await,
        api.register().await,
    );
    let article = api.publish(&author, &unique("Liked "), &[]).await;
    let path = format!("{}/favorite", path_of(&article));
    refused(&api.poke(&path, "").await, &[401]);
    let state = |answer: Value| {
        (
            answer["article"]["favorited"].clone(),
            answer["article"]["favoritesCount"].clone(),
        )
    };
    for _ in 0..2 {
        assert_eq!(
            state(api.poke(&path, &first.token).await.expect(200).json()),
            (json!(true), json!(1))
        );
    }
    assert_eq!(
        state(api.poke(&path, &second.token).await.expect(200).json()),
        (json!(true), json!(2))
    );
    assert_eq!(
        state(api.get(&path_of(&article), &author.token).await.json()),
        (json!(false), json!(2))
    );
    for _ in 0..2 {
        assert_eq!(
            state(api.delete(&path, &first.token).await.expect(200).json()),
            (json!(false), json!(1))
        );
    }
}

/// Comments are written, listed with their authors, and deleted.
pub async fn comments_come_and_go(api: &Api) {
    let (author, reader) = (api.register().await, api.register().await);
    let article = api.publish(&author, &unique("Discussed "), &[]).await;
    let path = format!("{}/comments", path_of(&article));
    assert_eq!(
        api.get(&path, "").await.expect(200).json(),
        json!({"comments": []})
    );
    let body = json!({"comment": {"body": "well said"}});
    let answer = api.post(&path, &reader.token, &body).await;
    assert!([200, 201].contains(&answer.status), "{}", answer.status);
    let comment = answer.json()["comment"].clone();
    assert!(comment["id"].is_i64(), "{comment}");
    assert_eq!(comment["author"]["username"], reader.username);
    let listed = api.get(&path, "").await.expect(200).json();
    assert_eq!(listed["comments"][0]["body"], "well said");
    refused(&api.post(&path, "", &body).await, &[401]);
    refused(
        &api.post(&path, &reader.token, &json!({"comment": {"body": ""}}))
            .await,
        &[422],
    );
    api.delete(&format!("{path}/{}", comment["id"]), &reader.token)
        .await
        .expect(204);
    assert_eq!(
        api.get(&path, "").await.expect(200).json(),
        json!({"comments": []})
    );
}

/// A comment is deleted by its author only, and under its own article only.
pub async fn a_comment_belongs_to_its_author(api: &Api) {
    let (author, reader) = (api.register().await, api.register().await);
    let article = api.publish(&author, &unique("First "), &[]).await;
    let elsewhere = api.publish(&author, &unique("Second "), &[]).await;
    let path = format!("{}/comments", path_of(&article));
    let answer = api
        .post(&path, &reader.token, &json!({"comment": {"body": "mine"}}))
        .await;
    let id = answer.json()["comment"]["id"].clone();
    refused(
        &api.delete(&format!("{path}/{id}"), &author.token).await,
        &[403],
    );
    refused(&api.delete(&format!("{path}/{id}"), "").await, &[401]);
    refused(
        &api.delete(
            &format!("{}/comments/{id}", path_of(&elsewhere)),
            &reader.token,
        )
        .await,
        &[404],
    );
    refused(
        &api.delete(&format!("{path}/999999999"), &reader.token)
            .await,
        &[404],
    );
    let listed = api.get(&path, "").await.expect(200).json();
    assert_eq!(listed["comments"].as_array().map(Vec::len), Some(1));
}
