//! Articles as the database has them, and as JSON.

use serde::Serialize;
use serde_json::value::RawValue;
use terrace_sdk::http::StatusCode;
use terrace_sdk::sql::{self, Row, Rows};
use terrace_sdk::{Error, Response};

use crate::caching::Group;
use crate::failure::Failure;
use crate::profiles::Profile;
use crate::reply;

/// The columns of [`Article::read`]; `?1` is the viewer. Each has a name of its own, as a batch wants.
macro_rules! columns {
    () => {
        "articles.slug, articles.title, articles.description, articles.tags, articles.created_at,
        articles.updated_at, articles.favorites_count,
        EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id) AS favorited,
        users.username, users.bio, users.image,
        EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = users.id) AS following,
        articles.id, users.id AS author_id"
    };
}

/// Where the columns of [`columns`] end.
const NEXT_COLUMN: usize = 14;

/// An article with its body, and the start of a condition on its id.
macro_rules! one {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            ", articles.body FROM articles JOIN users ON users.id = articles.author_id WHERE articles.id = "
        )
    };
}

/// `?1` is the viewer, `?2` the slug.
pub(super) const BY_SLUG: &str = concat!(one!(), "(SELECT article_id FROM slugs WHERE slug = ?2)");

/// `?1` is the viewer, `?2` the id.
pub(super) const BY_ID: &str = concat!(one!(), "?2");

/// The start of a list; the ids of its page and the total follow.
pub(super) const SELECT: &str = concat!("SELECT ", columns!());

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Article<'a> {
    slug: &'a str,
    title: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    /// Stored as JSON, and shown as it is stored.
    tag_list: &'a RawValue,
    created_at: &'a str,
    updated_at: &'a str,
    favorited: bool,
    favorites_count: i64,
    author: Profile<'a>,
}

impl<'a> Article<'a> {
    fn read(row: &'a Row, body: Option<&'a str>) -> Result<Self, Error> {
        Ok(Self {
            slug: row.get(0)?,
            title: row.get(1)?,
            description: row.get(2)?,
            body,
            tag_list: serde_json::from_str(row.get(3)?)?,
            created_at: row.get(4)?,
            updated_at: row.get(5)?,
            favorites_count: row.get(6)?,
            favorited: row.get(7)?,
            author: Profile::read(row, 8)?,
        })
    }
}

/// What is shown of an article: itself and its author.
pub(super) fn groups(row: &Row) -> Result<[Group<'static>; 2], sql::Error> {
    Ok([Group::Article(row.get(12)?), Group::User(row.get(13)?)])
}

/// The name of an article's author.
pub(super) fn author(row: &Row) -> Result<&str, sql::Error> {
    row.get(8)
}

/// Shows the article of [`BY_SLUG`], or says that there is none.
pub(super) fn reply(status: StatusCode, rows: &Rows) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Content<'a> {
        article: Article<'a>,
    }
    let row = rows.first().ok_or(Failure::NotFound("article"))?;
    let body = row.get(NEXT_COLUMN)?;
    Ok(reply::json(
        status,
        &Content {
            article: Article::read(row, Some(body))?,
        },
    ))
}

/// [`reply`] with 200.
pub(crate) fn reply_ok(rows: &Rows) -> Result<Response, Failure> {
    reply(StatusCode::OK, rows)
}

/// Shows a list without the bodies.
pub(super) fn reply_list(rows: &Rows, total: i64) -> Result<Response, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Content<'a> {
        articles: Vec<Article<'a>>,
        articles_count: i64,
    }
    let articles: Result<Vec<Article<'_>>, Error> =
        rows.iter().map(|row| Article::read(row, None)).collect();
    Ok(reply::ok(&Content {
        articles: articles?,
        articles_count: total,
    }))
}

/// The total of a list, which each of its rows repeats; `None` if there is no row to tell.
pub(super) fn total(rows: &Rows) -> Result<Option<i64>, sql::Error> {
    rows.first().map(|row| row.get(NEXT_COLUMN)).transpose()
}

/// Tags as they are stored.
pub(super) fn tags_as_json<T: AsRef<[String]> + ?Sized>(tags: &T) -> String {
    serde_json::to_string(tags.as_ref()).expect("text can be written as JSON")
}

/// Tags as they were given to [`tags_as_json`].
pub(super) fn tags_from_json(tags: &str) -> Result<Vec<String>, Error> {
    Ok(serde_json::from_str(tags)?)
}
