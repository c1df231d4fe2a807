//! Promise: with the cache in between, no user of conduit sees another's view, and whoever wrote reads what it wrote.

use http::Method;
use serde_json::{Value, json};
use terrace_tests::client::Answer;
use terrace_tests::contract::metric;
use terrace_tests::load::{at_once, calls};
use terrace_tests::realworld::{Api, User, path_of};
use terrace_tests::{App, Running};

/// How many users are at work at once, and how often each of them reads.
const USERS: usize = 8;
const ROUNDS: usize = 10;

async fn conduit() -> (Running, Api) {
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    (app, api)
}

/// The one article or profile that an answer shows.
fn shown(answer: Answer, what: &str) -> Value {
    answer.expect(200).json()[what].clone()
}

/// Each user likes and follows, or does not, and reads at the same time as all others and as nobody.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a conversation of several users")]
async fn concurrent_users_see_their_own_views() {
    let (app, api) = conduit().await;
    let author = api.register().await;
    let article = path_of(&api.publish(&author, "Seen by all", &["seen"]).await);
    let profile = format!("/profiles/{}", author.username);
    let users = at_once(USERS, |_| api.register()).await;
    for user in users.iter().step_by(2) {
        api.poke(&format!("{article}/favorite"), &user.token)
            .await
            .expect(200);
        api.poke(&format!("{profile}/follow"), &user.token)
            .await
            .expect(200);
    }
    let nobody = User {
        token: String::new(),
        ..author.clone()
    };
    let readers: Vec<&User> = users
        .iter()
        .chain(std::iter::repeat_n(&nobody, USERS))
        .collect();
    // As many at a time as there are readers: those who come later find what the first ones have brought.
    calls(readers.len() * ROUNDS, readers.len(), |turn| {
        let index = turn % readers.len();
        let likes = index < USERS && index.is_multiple_of(2);
        let token = &readers[index].token;
        let (api, article, profile) = (&api, &article, &profile);
        async move {
            let seen = shown(api.get(article, token).await, "article");
            assert_eq!(
                (&seen["favorited"], &seen["author"]["following"]),
                (&likes.into(), &likes.into())
            );
            assert_eq!(seen["favoritesCount"], USERS / 2);
            assert_eq!(
                shown(api.get(profile, token).await, "profile")["following"],
                likes
            );
            let listed = api
                .get("/articles?tag=seen", token)
                .await
                .expect(200)
                .json();
            assert_eq!(listed["articles"][0]["favorited"], likes);
        }
    })
    .await;
    let metrics = app.metrics().await;
    let shared = ["hit", "collapsed"]
        .map(|result| metrics.sum(metric::CACHE_REQUESTS, &[("result", result)]));
    let shared: f64 = shared.into_iter().sum();
    assert!(
        shared > (USERS * ROUNDS) as f64,
        "nobody's reads are not shared: {shared}"
    );
}

/// Each writes and then reads, as itself and as nobody, while the others do the same to the same article.
#[tokio::test]
async fn whoever_wrote_reads_what_it_wrote() {
    let (_app, api) = conduit().await;
    let author = api.register().await;
    let article = path_of(&api.publish(&author, "Much discussed", &[]).await);
    at_once(USERS, |index| {
        let (api, article) = (&api, &article);
        async move {
            let user = api.register().await;
            let comments = format!("{article}/comments");
            for round in 0..ROUNDS {
                let text = format!("comment {round} of {index}");
                let comment = json!({"comment": {"body": text}});
                api.post(&comments, &user.token, &comment).await.expect(201);
                for token in ["", &user.token] {
                    let read = api.get(&comments, token).await.expect(200).json();
                    let comments = read["comments"].as_array().expect("a list");
                    assert!(
                        comments.iter().any(|comment| comment["body"] == text),
                        "{text} is missing"
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn counts_that_anybody_reads_follow_each_like() {
    let (_app, api) = conduit().await;
    let author = api.register().await;
    let article = path_of(&api.publish(&author, "Liked", &["liked"]).await);
    let count = async || {
        let alone = shown(api.get(&article, "").await, "article")["favoritesCount"].clone();
        let listed = api.get("/articles?tag=liked", "").await.expect(200).json();
        (alone, listed["articles"][0]["favoritesCount"].clone())
    };
    for expected in 1..=5 {
        assert_eq!(
            count().await,
            ((expected - 1).into(), (expected - 1).into())
        );
        let user = api.register().await;
        api.poke(&format!("{article}/favorite"), &user.token)
            .await
            .expect(200);
    }
    assert_eq!(count().await, (5.into(), 5.into()));
}

/// What is read in the next test, with a letter for each.
struct Pages {
    first: String,
    second: String,
    author: String,
}

impl Pages {
    fn paths(&self) -> [(char, String); 9] {
        let Self {
            first,
            second,
            author,
        } = self;
        [
            ('L', "/articles".to_owned()),
            ('A', format!("/articles?author={author}")),
            ('T', "/articles?tag=common".to_owned()),
            ('O', "/articles?tag=other".to_owned()),
            ('1', first.clone()),
            ('2', second.clone()),
            ('C', format!("{first}/comments")),
            ('P', format!("/profiles/{author}")),
            ('S', "/tags".to_owned()),
        ]
    }

    /// The letters of those that are answered from the cache.
    async fn hits(&self, api: &Api) -> String {
        let mut hits = String::new();
        for (letter, path) in self.paths() {
            if api.get(&path, "").await.expect(200).is_hit() {
                hits.push(letter);
            }
        }
        hits
    }
}

/// After each write exactly the pages that it changes are asked for anew.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a row for each write")]
async fn writes_forget_exactly_what_they_change() {
    let (_app, api) = conduit().await;
    let (author, other) = (api.register().await, api.register().await);
    let pages = Pages {
        first: path_of(&api.publish(&author, "First", &["common"]).await),
        second: path_of(&api.publish(&other, "Second", &["other"]).await),
        author: author.username.clone(),
    };
    let comment = json!({"comment": {"body": "Well said"}});
    let article = |title: &str, tags: &[&str]| json!({"article": {"title": title, "description": "d", "body": "b", "tagList": tags}});
    let comments = format!("{}/comments", pages.first);
    let favorite = format!("{}/favorite", pages.first);
    let follow = format!("/profiles/{}/follow", pages.author);
    pages.hits(&api).await;
    for (method, path, user, content, left) in [
        (
            Method::POST,
            follow.as_str(),
            &other,
            json!({}),
            "LATO12CPS",
        ),
        (Method::POST, &comments, &other, comment, "LATO12PS"),
        (Method::POST, &favorite, &other, json!({}), "O2CPS"),
        (
            Method::PUT,
            &pages.first,
            &author,
            json!({"article": {"body": "New"}}),
            "O2CPS",
        ),
        (
            Method::PUT,
            &pages.first,
            &author,
            json!({"article": {"tagList": ["other"]}}),
            "2CP",
        ),
        (
            Method::PUT,
            "/user",
            &author,
            json!({"user": {"bio": "Words"}}),
            "T2CS",
        ),
        (
            Method::PUT,
            "/user",
            &author,
            json!({"user": {"email": "new@example.com"}}),
            "LATO12CPS",
        ),
        (
            Method::POST,
            "/articles",
            &other,
            article("Third", &[]),
            "ATO12CPS",
        ),
        (
            Method::POST,
            "/articles",
            &author,
            article("Fourth", &["common"]),
            "O12CP",
        ),
    ] {
        assert_eq!(
            pages.hits(&api).await,
            "LATO12CPS",
            "all is stored before {method} {path}"
        );
        let answer = api
            .call(method.clone(), path, &user.token, Some(&content))
            .await;
        assert!(answer.status < 300, "{answer:?}");
        assert_eq!(
            pages.hits(&api).await,
            left,
            "after {method} {path} {content}"
        );
    }
}
