//! The RealWorld API, tested from outside: written once, for any server that speaks it.
//!
//! Each claim takes an [`Api`] and makes users of its own, so claims may run at once against a shared server.

pub mod articles;
pub mod lists;
pub mod people;
pub mod protocol;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Method, Request};
use serde_json::{Value, json};

use crate::client::{Answer, Client, Content, request};
use crate::target::Claim;

/// A server of the RealWorld API.
#[derive(Debug)]
pub struct Api {
    client: Client,
    base: String,
}

/// A registered user.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub username: String,
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The token of the last login.
    pub token: String,
}

impl Api {
    /// The API below this URL, which ends in `/api`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self {
            client: Client::default(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Calls a path as nobody (empty token) or as the user of a token.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Answer {
        let authorization = format!("Token {token}");
        let mut headers = Vec::new();
        if !token.is_empty() {
            headers.push(("authorization", authorization.as_str()));
        }
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.client
            .send(request(
                method,
                &format!("{}{path}", self.base),
                &headers,
                body,
            ))
            .await
    }

    /// Calls a path with these fields only.
    pub async fn plain(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.client
            .send(request(
                method,
                &format!("{}{path}", self.base),
                headers,
                body.to_owned(),
            ))
            .await
    }

    /// GETs a path.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, token, None).await
    }

    /// POSTs JSON to a path.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, token, Some(body)).await
    }

    /// POSTs to a path without a content.
    pub async fn poke(&self, path: &str, token: &str) -> Answer {
        self.call(Method::POST, path, token, None).await
    }

    /// PUTs JSON to a path.
    pub async fn put(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, token, Some(body)).await
    }

    /// DELETEs a path.
    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, token, None).await
    }

    /// Registers a user of a name that nobody has.
    pub async fn register(&self) -> User {
        let username = unique("user");
        let email = format!("{username}@example.com");
        let password = "a long password".to_owned();
        let user = json!({"user": {"username": username, "email": email, "password": password}});
        let answer = self.post("/users", "", &user).await.expect(201).json();
        let token = answer["user"]["token"]
            .as_str()
            .expect("a new user gets a token")
            .to_owned();
        User {
            username,
            email,
            password,
            token,
        }
    }

    /// Publishes an article and gives what the server says of it.
    pub async fn publish(&self, author: &User, title: &str, tags: &[&str]) -> Value {
        let article = json!({"article": {
            "title": title, "description": format!("about {title}"), "body": format!("all of {title}"), "tagList": tags,
        }});
        self.post("/articles", &author.token, &article)
            .await
            .expect(201)
            .json()["article"]
            .clone()
    }
}

/// Users who read an article and comment on it: their requests, by number.
pub async fn conversation(url: &str) -> impl Fn(usize) -> Request<Content> + Send + Sync + use<> {
    let api = Api::new(url);
    let author = api.register().await;
    let article = api.publish(&author, &unique("Read "), &["read"]).await;
    let article = format!("{url}{}", path_of(&article));
    let token = format!("Token {}", author.token);
    move |index| {
        let fields = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
        ];
        if index % 4 == 0 {
            let comment = json!({"comment": {"body": format!("comment {index}")}});
            let url = format!("{article}/comments");
            return request(Method::POST, &url, &fields, comment.to_string());
        }
        request(Method::GET, &article, &fields, "")
    }
}

/// The slug of an article, as a path.
#[must_use]
pub fn path_of(article: &Value) -> String {
    format!("/articles/{}", article["slug"].as_str().unwrap_or_default())
}

/// A word that no other call has given, in this process or another.
#[must_use]
pub fn unique(word: &str) -> String {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    format!("{word}{now:x}{:x}", CALLS.fetch_add(1, Ordering::Relaxed))
}

/// Asserts one of these statuses, and errors in the shape of the API: `{"errors": {"field": ["words"]}}`.
///
/// # Panics
/// When the answer is another one.
#[track_caller]
pub fn refused(answer: &Answer, statuses: &[u16]) {
    assert!(
        statuses.contains(&answer.status),
        "{} is none of {statuses:?}: {}",
        answer.status,
        answer.text()
    );
    let answer = answer.json();
    let errors = answer["errors"]
        .as_object()
        .unwrap_or_else(|| panic!("no errors in {answer}"));
    assert!(!errors.is_empty(), "{answer}");
    let words = |value: &Value| {
        value
            .as_array()
            .is_some_and(|words| words.iter().all(Value::is_string))
    };
    assert!(
        errors.values().all(words),
        "errors are lists of sentences, by field: {answer}"
    );
}

/// Every claim, for a server that is started once for all of them.
#[must_use]
pub fn claims() -> Vec<Claim<Api>> {
    crate::realworld_claims!(realworld_list)
}

/// Makes a test of each claim. `$target` is an async function that gives a guard and an [`Api`].
#[macro_export]
macro_rules! realworld_tests {
    ($target:path) => { $crate::realworld_claims!(realworld_tests, $target); };
    ($target:path, $($area:ident: [$($claim:ident)*])*) => { $($(
        #[tokio::test]
        async fn $claim() {
            let (_target, api) = $target().await;
            $crate::realworld::$area::$claim(&api).await;
        }
    )*)* };
}

/// Makes a list of the claims.
#[doc(hidden)]
#[macro_export]
macro_rules! realworld_list {
    ($($area:ident: [$($claim:ident)*])*) => {
        $crate::claims![$($($area::$claim),*),*]
    };
}

/// Gives all claims by area to the macro `$make`, after what else it takes.
#[doc(hidden)]
#[macro_export]
macro_rules! realworld_claims {
    ($make:ident $(, $target:path)?) => { $crate::$make! { $($target,)?
        people: [a_user_registers_and_logs_in a_wrong_password_is_refused a_name_or_address_is_taken_once
            missing_and_empty_fields_are_named the_current_user_is_the_token_s a_user_changes_what_it_names_only
            a_changed_password_is_the_only_one without_a_right_token_there_is_no_access passwords_are_never_told
            profiles_are_public following_shows_in_the_profile]
        articles: [an_article_is_published_and_read titles_alike_get_slugs_of_their_own
            odd_titles_get_usable_slugs an_author_changes_an_article an_author_deletes_an_article
            others_change_nothing articles_need_their_fields what_is_not_there_is_not_found
            favourites_are_counted_once comments_come_and_go a_comment_belongs_to_its_author]
        lists: [lists_are_newest_first lists_are_cut_into_pages lists_are_filtered lists_have_no_bodies
            the_feed_is_of_those_followed tags_are_listed_once odd_filters_find_nothing_and_break_nothing]
        protocol: [unknown_paths_are_not_found unknown_methods_are_refused malformed_json_is_refused
            content_of_any_language_comes_back front_ends_of_other_origins_may_call
            times_are_in_the_format_of_the_api]
    } };
}
