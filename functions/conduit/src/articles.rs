//! Articles: one at a time. Lists of them are in `list`, how they look in `view`.

mod list;
mod view;

pub(crate) use list::{feed, list};
pub(crate) use view::reply_ok;

use serde::Deserialize;
use terrace_sdk::http::StatusCode;
use terrace_sdk::sql::{self, Rows, Statement};
use terrace_sdk::{Response, values};

use crate::body::present;
use crate::call::Call;
use crate::failure::Failure;
use crate::limits::{MAX_BODY_CHARACTERS, MAX_SHORT_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS};
use crate::validation::Validation;
use crate::{clock, reply, slug as slugs, tags};

const INSERT: &str = "
    INSERT INTO articles (slug, title, description, body, tags, author_id, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";

const COUNT_UP: &str = "UPDATE totals SET amount = amount + 1 WHERE name = 'articles'";

const FIND: &str = "SELECT id, author_id, title, slug FROM articles WHERE slug = ?1";

const UPDATE: &str = "
    UPDATE articles SET
        slug = ?2,
        title = coalesce(?3, title),
        description = coalesce(?4, description),
        body = coalesce(?5, body),
        tags = coalesce(?6, tags),
        updated_at = ?7
    WHERE id = ?1";

/// Two requests may delete the same article; it is counted once.
const COUNT_DOWN: &str = "
    UPDATE totals SET amount = amount - 1
    WHERE name = 'articles' AND EXISTS (SELECT 1 FROM articles WHERE id = ?1)";

/// Takes its tags, comments and favourites with it (`ON DELETE CASCADE`).
const DELETE: &str = "DELETE FROM articles WHERE id = ?1";

#[derive(Deserialize)]
struct Content<T> {
    article: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewArticle {
    title: Option<String>,
    description: Option<String>,
    body: Option<String>,
    #[serde(default)]
    tag_list: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    #[serde(default, deserialize_with = "present")]
    title: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    body: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    tag_list: Option<Option<Vec<String>>>,
}

/// A new article whose fields have been judged.
struct Draft {
    title: String,
    description: String,
    body: String,
    tags: Vec<String>,
}

/// Changes to an article whose fields have been judged.
struct Revision {
    title: Option<String>,
    description: Option<String>,
    body: Option<String>,
    tags: Option<Vec<String>>,
}

/// An article that may be changed by the viewer.
struct Own {
    id: i64,
    title: String,
    slug: String,
}

/// `GET /articles/{slug}`
pub(crate) async fn show(call: Call, slug: &str) -> Result<Response, Failure> {
    let rows = call
        .read(view::BY_SLUG, values![call.viewer_or_nobody(), slug])
        .await?;
    view::reply_ok(&rows)
}

/// `POST /articles`
pub(crate) async fn create(mut call: Call) -> Result<Response, Failure> {
    let author = call.viewer()?;
    let Content { article } = call.json::<Content<NewArticle>>().await?;
    let draft = draft(article)?;
    let slug = slugs::of(&draft.title);
    let rows = with_free_slug(&call, &slug, |slug| insertion(author, slug, &draft)).await?;
    view::reply(StatusCode::CREATED, &rows)
}

/// `PUT /articles/{slug}`. The slug follows the title.
pub(crate) async fn update(mut call: Call, slug: &str) -> Result<Response, Failure> {
    let viewer = call.viewer()?;
    let Content { article } = call.json::<Content<Changes>>().await?;
    let revision = revision(article)?;
    let own = find_own(&call, slug).await?;
    let renamed = revision
        .title
        .as_deref()
        .filter(|title| *title != own.title)
        .map(slugs::of);
    let rows = match renamed {
        Some(renamed) => {
            with_free_slug(&call, &renamed, |slug| {
                changes(viewer, own.id, slug, &revision)
            })
            .await?
        }
        None => last(
            call.batch(&changes(viewer, own.id, &own.slug, &revision))
                .await?,
        )?,
    };
    view::reply_ok(&rows)
}

/// `DELETE /articles/{slug}`
pub(crate) async fn delete(call: Call, slug: &str) -> Result<Response, Failure> {
    call.viewer()?;
    let own = find_own(&call, slug).await?;
    let mut statements = tags::remove(own.id).to_vec();
    statements.extend([COUNT_DOWN, DELETE].map(|text| Statement::new(text).bind(own.id)));
    call.batch(&statements).await?;
    Ok(reply::no_content())
}

/// Reads one article as that viewer sees it; for [`reply_ok`].
pub(crate) fn by_slug(viewer: i64, slug: &str) -> Statement {
    Statement::new(view::BY_SLUG).bind(viewer).bind(slug)
}

fn draft(article: NewArticle) -> Result<Draft, Failure> {
    let mut validation = Validation::default();
    let draft = Draft {
        title: validation.text("title", article.title, MAX_TITLE_CHARACTERS),
        description: validation.text(
            "description",
            article.description,
            MAX_SHORT_TEXT_CHARACTERS,
        ),
        body: validation.text("body", article.body, MAX_BODY_CHARACTERS),
        tags: validation.tags(article.tag_list.unwrap_or_default()),
    };
    validation.finish()?;
    Ok(draft)
}

fn revision(article: Changes) -> Result<Revision, Failure> {
    let mut validation = Validation::default();
    if article.tag_list == Some(None) {
        validation.fault("tagList", "must be a list");
    }
    let revision = Revision {
        title: validation.change("title", article.title, MAX_TITLE_CHARACTERS),
        description: validation.change(
            "description",
            article.description,
            MAX_SHORT_TEXT_CHARACTERS,
        ),
        body: validation.change("body", article.body, MAX_BODY_CHARACTERS),
        tags: article.tag_list.flatten().map(|tags| validation.tags(tags)),
    };
    validation.finish()?;
    Ok(revision)
}

fn insertion(author: i64, slug: &str, draft: &Draft) -> Vec<Statement> {
    let insert = Statement::new(INSERT)
        .bind(slug)
        .bind(&draft.title)
        .bind(&draft.description)
        .bind(&draft.body)
        .bind(view::tags_as_json(&draft.tags))
        .bind(author)
        .bind(clock::text(clock::now()));
    let mut statements = vec![insert, Statement::new(COUNT_UP)];
    statements.extend(tags::add(slug, &draft.tags));
    statements.push(by_slug(author, slug));
    statements
}

fn changes(viewer: i64, id: i64, slug: &str, revision: &Revision) -> Vec<Statement> {
    let update = Statement::new(UPDATE)
        .bind(id)
        .bind(slug)
        .bind(revision.title.as_ref())
        .bind(revision.description.as_ref())
        .bind(revision.body.as_ref())
        .bind(revision.tags.as_deref().map(view::tags_as_json))
        .bind(clock::text(clock::now()));
    let mut statements = vec![update];
    if let Some(tags) = &revision.tags {
        statements.extend(tags::remove(id));
        statements.extend(tags::add(slug, tags));
    }
    statements.push(by_slug(viewer, slug));
    statements
}

/// Writes with the plain slug, or, if that fails, with one that has an ending.
///
/// The usual failure is that another article has the slug. No engine says so in a portable way, and any
/// other failure will come up again.
async fn with_free_slug(
    call: &Call,
    slug: &str,
    write: impl Fn(&str) -> Vec<Statement>,
) -> Result<Rows, Failure> {
    if slugs::is_usable(slug)
        && let Ok(results) = call.batch(&write(slug)).await
    {
        return last(results);
    }
    last(call.batch(&write(&slugs::with_ending(slug)?)).await?)
}

fn last(results: Vec<Rows>) -> Result<Rows, Failure> {
    results
        .into_iter()
        .next_back()
        .ok_or(sql::Error::NoRow.into())
}

/// The article of that slug, if the viewer wrote it.
async fn find_own(call: &Call, slug: &str) -> Result<Own, Failure> {
    let rows = call.read(FIND, values![slug]).await?;
    let row = rows.first().ok_or(Failure::NotFound("article"))?;
    if row.get::<i64>(1)? != call.viewer()? {
        return Err(Failure::Forbidden("article"));
    }
    Ok(Own {
        id: row.get(0)?,
        title: row.get(2)?,
        slug: row.get(3)?,
    })
}
