//! Comments under articles.

use serde::{Deserialize, Serialize};
use terrace_sdk::http::header::LINK;
use terrace_sdk::http::{HeaderValue, StatusCode};
use terrace_sdk::sql::{self, Row, Statement};
use terrace_sdk::{Response, values};

use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;
use crate::limits::{MAX_COMMENT_CHARACTERS, MAX_PAGE_COMMENTS};
use crate::profiles::Profile;
use crate::validation::Validation;
use crate::{clock, paging, reply};

/// `?1` is the viewer, `?2` the slug, `?4` the id that all are below. An article without comments gives one row of NULLs, no article none.
const LIST: &str = "
    SELECT comments.id, comments.created_at, comments.updated_at, comments.body, users.username, users.bio, users.image,
        EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = users.id),
        slugs.article_id, users.id
    FROM slugs
    LEFT JOIN comments ON comments.article_id = slugs.article_id AND comments.id < ?4
    LEFT JOIN users ON users.id = comments.author_id
    WHERE slugs.slug = ?2
    ORDER BY comments.id DESC LIMIT ?3";

/// Takes the next id of the article's comments. No id is used again, even if its comment is deleted.
const NEXT_ID: &str = "
    UPDATE articles SET last_comment_id = last_comment_id + 1
    WHERE id = (SELECT article_id FROM slugs WHERE slug = ?1)";

/// Behind [`NEXT_ID`]. Its author comes with it: `?1` is the viewer.
const INSERT: &str = "
    INSERT INTO comments (article_id, id, author_id, body, created_at, updated_at)
    SELECT id, last_comment_id, ?1, ?3, ?4, ?4 FROM articles
    WHERE id = (SELECT article_id FROM slugs WHERE slug = ?2)
    RETURNING id, created_at, updated_at, body,
        (SELECT username FROM users WHERE id = ?1) AS username, (SELECT bio FROM users WHERE id = ?1) AS bio,
        (SELECT image FROM users WHERE id = ?1) AS image,
        EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = ?1) AS following, article_id";

const FIND: &str = "
    SELECT comments.author_id, slugs.article_id FROM slugs
    LEFT JOIN comments ON comments.article_id = slugs.article_id AND comments.id = ?2
    WHERE slugs.slug = ?1";

const DELETE: &str = "DELETE FROM comments WHERE article_id = ?1 AND id = ?2";

#[derive(Deserialize)]
struct Content {
    comment: NewComment,
}

#[derive(Deserialize)]
struct NewComment {
    body: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comment<'a> {
    id: i64,
    created_at: &'a str,
    updated_at: &'a str,
    body: &'a str,
    author: Profile<'a>,
}

impl<'a> Comment<'a> {
    fn read(row: &'a Row, author: Profile<'a>) -> Result<Self, sql::Error> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            updated_at: row.get(2)?,
            body: row.get(3)?,
            author,
        })
    }
}

/// `GET /articles/{slug}/comments`: the newest first. If there are more than a page has, a `Link` leads to the next
/// (RFC 8288), which has those `before` an id.
pub(crate) async fn list(call: Call, slug: &str) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Comments<'a> {
        comments: Vec<Comment<'a>>,
    }
    let before = paging::before(&call.query())?;
    // One more than is shown tells whether there is another page.
    let limit = i64::try_from(MAX_PAGE_COMMENTS + 1).expect("a page is not that long");
    let rows = call
        .read(LIST, values![call.viewer_or_nobody(), slug, limit, before])
        .await?;
    let first = rows.first().ok_or(Failure::NotFound("article"))?;
    let any = first.get::<Option<i64>>(0)?.is_some();
    let shown = if any { &rows[..] } else { &[] };
    let shown = &shown[..shown.len().min(MAX_PAGE_COMMENTS)];
    let comments: Result<Vec<Comment<'_>>, sql::Error> = shown
        .iter()
        .map(|row| Comment::read(row, Profile::read(row, 4)?))
        .collect();
    let mut response = reply::ok(&Comments {
        comments: comments?,
    });
    if let Some(last) = shown.last()
        && rows.len() > shown.len()
    {
        let next = format!("<?before={}>; rel=\"next\"", last.get::<i64>(0)?);
        let next = HeaderValue::try_from(next).expect("a number makes a valid field");
        response.headers_mut().insert(LINK, next);
    }
    let mut groups = Groups::of([Group::Comments(first.get(8)?)]);
    for row in shown {
        groups.add(Group::User(row.get(9)?));
    }
    Ok(caching::shared(&call, response, groups))
}

/// `POST /articles/{slug}/comments`
pub(crate) async fn create(mut call: Call, slug: &str) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Created<'a> {
        comment: Comment<'a>,
    }
    let viewer = call.viewer()?;
    let Content { comment } = call.json::<Content>().await?;
    let mut validation = Validation::default();
    let body = validation.text("body", comment.body, MAX_COMMENT_CHARACTERS);
    validation.finish()?;
    let insert = Statement::new(INSERT)
        .bind(viewer)
        .bind(slug)
        .bind(body)
        .bind(clock::text(clock::now()));
    let results = call
        .batch(&[Statement::new(NEXT_ID).bind(slug), insert])
        .await?;
    let [_, comment] = &results[..] else {
        return Err(sql::Error::NoRow.into());
    };
    let comment = comment.first().ok_or(Failure::NotFound("article"))?;
    let groups = Groups::of([Group::Comments(comment.get(8)?)]);
    let comment = Comment::read(comment, Profile::read(comment, 4)?)?;
    let response = reply::json(StatusCode::CREATED, &Created { comment });
    Ok(caching::changed(response, groups))
}

/// `DELETE /articles/{slug}/comments/{id}`
pub(crate) async fn delete(call: Call, slug: &str, id: &str) -> Result<Response, Failure> {
    let viewer = call.viewer()?;
    // What is no number is no comment, but the article is looked at first.
    let id: Option<i64> = id.parse().ok();
    let rows = call.read(FIND, values![slug, id]).await?;
    let row = rows.first().ok_or(Failure::NotFound("article"))?;
    match row.get::<Option<i64>>(0)? {
        None => Err(Failure::NotFound("comment")),
        Some(author) if author != viewer => Err(Failure::Forbidden("comment")),
        Some(_) => {
            let article: i64 = row.get(1)?;
            call.change(DELETE, values![article, id]).await?;
            let groups = Groups::of([Group::Comments(article)]);
            Ok(caching::changed(reply::no_content(), groups))
        }
    }
}
