//! One article: making, reading, changing and deleting it. `list` has lists of articles, `view` their JSON.

mod list;
mod view;

pub(crate) use list::{feed, list};
pub(crate) use view::reply_ok;

use serde::Deserialize;
use terrace_sdk::http::StatusCode;
use terrace_sdk::sql::{self, Row, Rows, Statement};
use terrace_sdk::{Response, values};

use crate::body::present;
use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;
use crate::limits::{MAX_BODY_CHARACTERS, MAX_SHORT_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS};
use crate::validation::Validation;
use crate::{clock, notifications, reply, slug as slugs, tags};

const INSERT: &str = "
    INSERT INTO articles (slug, title, description, body, tags, author_id, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";

/// Directly after [`INSERT`].
const CLAIM: &str = "INSERT INTO slugs (slug, article_id) VALUES (?1, last_insert_rowid())";

/// The number of articles is a sum, so that two new articles seldom write the same row. A part needs no row until it counts.
const COUNT_UP: &str = "
    INSERT INTO article_counts (part, articles) SELECT article_id % 16, 1 FROM slugs WHERE slug = ?1
    ON CONFLICT (part) DO UPDATE SET articles = article_counts.articles + 1";

const FIND: &str = "
    SELECT id, author_id, title, tags FROM articles WHERE id = (SELECT article_id FROM slugs WHERE slug = ?1)";

/// What lists an article is in. Read in the transaction of a change, so that it is what the change found.
const BEFORE: &str = "
    SELECT tags, username, slug FROM articles JOIN users ON users.id = author_id WHERE articles.id = ?1";

const UPDATE: &str = "
    UPDATE articles SET
        slug = coalesce(?2, slug),
        title = coalesce(?3, title),
        description = coalesce(?4, description),
        body = coalesce(?5, body),
        tags = coalesce(?6, tags),
        updated_at = ?7
    WHERE id = ?1";

/// For a new slug, behind [`UPDATE`], which makes another change of this article wait.
const RELEASE: &str = "DELETE FROM slugs WHERE article_id = ?1";

/// Behind [`RELEASE`].
const CLAIM_OTHER: &str = "INSERT INTO slugs (slug, article_id) VALUES (?2, ?1)";

/// Takes its tags, comments and favourites with it (`ON DELETE CASCADE`).
const DELETE: &str = "DELETE FROM articles WHERE id = ?1";

/// Directly after [`DELETE`]: two requests may delete the same article, which is counted once.
const COUNT_DOWN: &str =
    "UPDATE article_counts SET articles = articles - changes() WHERE part = ?1 % 16";

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
    tags: Vec<String>,
}

/// `GET /articles/{slug}`
pub(crate) async fn show(call: Call, slug: &str) -> Result<Response, Failure> {
    let rows = call
        .read(view::BY_SLUG, values![call.viewer_or_nobody(), slug])
        .await?;
    let response = view::reply_ok(&rows)?;
    let groups = rows.first().map(view::groups).transpose()?;
    let groups = Groups::of(groups.into_iter().flatten());
    Ok(caching::shared(&call, response, groups))
}

/// `POST /articles`
pub(crate) async fn create(mut call: Call) -> Result<Response, Failure> {
    let author = call.viewer()?;
    let Content { article } = call.json::<Content<NewArticle>>().await?;
    let draft = draft(article)?;
    let slug = slugs::of(&draft.title);
    let sent: Vec<Statement> = tags::send(&call, &[], &draft.tags)?.into_iter().collect();
    let results = with_free_slug(&call, &slug, |slug| {
        let mut statements = insertion(author, slug, &draft);
        // The last statement has the article.
        let last = statements.len() - 1;
        statements.splice(
            last..last,
            sent.iter().cloned().chain(published(&call, slug)),
        );
        statements
    });
    let results = results.await?;
    let rows = last(&results)?;
    let response = view::reply(StatusCode::CREATED, rows)?;
    let author = view::author(rows.one()?)?;
    Ok(caching::changed(response, membership(author, &draft.tags)))
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
    let sent = match &revision.tags {
        Some(tags) => tags::send(&call, &own.tags, tags)?,
        None => None,
    };
    let write = |slug: Option<&str>| {
        let mut statements = changes(viewer, own.id, slug, &revision);
        let last = statements.len() - 1;
        statements.splice(last..last, sent.clone());
        statements
    };
    let results = match renamed {
        Some(renamed) => with_free_slug(&call, &renamed, |slug| write(Some(slug))).await?,
        None => call.batch(&write(None)).await?,
    };
    let groups = changed(own.id, &results, revision.tags.as_deref())?;
    Ok(caching::changed(view::reply_ok(last(&results)?)?, groups))
}

/// What else is shown otherwise after an update.
fn changed(id: i64, results: &[Rows], tags: Option<&[String]>) -> Result<Groups, Failure> {
    let mut groups = Groups::of([Group::Article(id)]);
    let before = first(results)?;
    if before.get::<&str>(2)? != last(results)?.one()?.get::<&str>(0)? {
        // What was at the old path is no longer there.
        groups.add(Group::Comments(id));
    }
    if let Some(tags) = tags {
        retagged(&view::tags_from_json(before.get(0)?)?, tags, &mut groups);
    }
    Ok(groups)
}

/// `DELETE /articles/{slug}`
pub(crate) async fn delete(call: Call, slug: &str) -> Result<Response, Failure> {
    call.viewer()?;
    let own = find_own(&call, slug).await?;
    let mut statements = vec![Statement::new(BEFORE).bind(own.id)];
    statements.extend(tags::remove(own.id));
    statements.extend([DELETE, COUNT_DOWN, RELEASE].map(|text| Statement::new(text).bind(own.id)));
    statements.extend(tags::send(&call, &own.tags, &[])?);
    let results = call.batch(&statements).await?;
    // Two requests may delete the same article, which is gone for the second.
    let before = first(&results).map_err(|_| Failure::NotFound("article"))?;
    let mut groups = membership(before.get(1)?, &view::tags_from_json(before.get(0)?)?);
    groups.add(Group::Article(own.id));
    groups.add(Group::Comments(own.id));
    groups.add(Group::Favorites);
    Ok(caching::changed(reply::no_content(), groups))
}

/// The lists that an article of that author and with these tags is in.
fn membership(author: &str, tags: &[String]) -> Groups {
    let mut groups = Groups::of([Group::Articles, Group::Author(author)]);
    retagged(&[], tags, &mut groups);
    groups
}

/// The lists that an article comes to or leaves with its tags.
fn retagged(before: &[String], after: &[String], groups: &mut Groups) {
    let changed = |tag: &&String| before.contains(tag) != after.contains(tag);
    for tag in before.iter().chain(after).filter(changed) {
        groups.add(Group::Tag(tag));
        groups.add(Group::Tags);
    }
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
    let by_slug_only = [CLAIM, COUNT_UP].map(|text| Statement::new(text).bind(slug));
    let mut statements = vec![insert];
    statements.extend(by_slug_only);
    statements.extend(tags::add_to_new(slug, &draft.tags));
    statements.push(by_slug(author, slug));
    statements
}

/// Sends the event of a new article, if somebody delivers it.
fn published(call: &Call, slug: &str) -> Option<Statement> {
    call.instance
        .sends_events
        .then(|| notifications::send(slug))
}

fn changes(viewer: i64, id: i64, slug: Option<&str>, revision: &Revision) -> Vec<Statement> {
    let update = Statement::new(UPDATE)
        .bind(id)
        .bind(slug)
        .bind(revision.title.as_ref())
        .bind(revision.description.as_ref())
        .bind(revision.body.as_ref())
        .bind(revision.tags.as_deref().map(view::tags_as_json))
        .bind(clock::text(clock::now()));
    let mut statements = vec![Statement::new(BEFORE).bind(id), update];
    if let Some(slug) = slug {
        statements.push(Statement::new(RELEASE).bind(id));
        statements.push(Statement::new(CLAIM_OTHER).bind(id).bind(slug));
    }
    if let Some(tags) = &revision.tags {
        statements.extend(tags::remove(id));
        statements.extend(tags::add(id, tags));
    }
    statements.push(Statement::new(view::BY_ID).bind(viewer).bind(id));
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
) -> Result<Vec<Rows>, Failure> {
    if slugs::is_usable(slug)
        && let Ok(results) = call.batch(&write(slug)).await
    {
        return Ok(results);
    }
    call.batch(&write(&slugs::with_ending(slug)?)).await
}

/// The one row of the first statement.
fn first(results: &[Rows]) -> Result<&Row, sql::Error> {
    results.first().ok_or(sql::Error::NoRow)?.one()
}

/// The rows of the last statement.
fn last(results: &[Rows]) -> Result<&Rows, sql::Error> {
    results.last().ok_or(sql::Error::NoRow)
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
        tags: view::tags_from_json(row.get(3)?)?,
    })
}
