//! Notifications: the followers of an author are told of each new article.

use serde::Serialize;
use terrace_sdk::queue::Event;
use terrace_sdk::sql::{self, Connection, Rows, Statement};
use terrace_sdk::{Error, Response, values};

use crate::call::Call;
use crate::failure::Failure;
use crate::limits::MAX_NOTIFIED_AT_ONCE;
use crate::messages::{self, PUBLISHED};
use crate::paging::{MAX_ID, Page};
use crate::{clock, digests, reply};

/// Sends the event of a new article: behind the statement that claims its slug.
const SEND: &str = "
    INSERT INTO outbox (queue, id, source, type, subject)
    SELECT 'conduit', 'article ' || article_id, '/conduit', 'article.published', CAST(article_id AS TEXT)
    FROM slugs WHERE slug = ?1";

/// The last follower of a full part.
const LAST: &str = "
    SELECT follower_id FROM follows
    WHERE followed_id = (SELECT author_id FROM articles WHERE id = ?1) AND follower_id > ?2
    ORDER BY follower_id LIMIT 1 OFFSET ?3";

const NOTIFY: &str = "
    INSERT INTO notifications (user_id, article_id, created_at)
    SELECT follower_id, ?1, ?4 FROM follows
    WHERE followed_id = (SELECT author_id FROM articles WHERE id = ?1) AND follower_id > ?2 AND follower_id <= ?3
    ON CONFLICT DO NOTHING";

const NEWEST: &str = "
    SELECT articles.slug, articles.title, users.username, notifications.created_at
    FROM notifications
    JOIN articles ON articles.id = notifications.article_id
    JOIN users ON users.id = articles.author_id
    WHERE notifications.user_id = ?1
    ORDER BY notifications.article_id DESC LIMIT ?2 OFFSET ?3";

/// A new article of somebody whom the viewer follows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    slug: &'a str,
    title: &'a str,
    author: &'a str,
    created_at: &'a str,
}

/// `GET /notifications`: of what the viewer was told, the newest first, and the last digests.
pub(crate) async fn list(call: Call) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Content<'a> {
        notifications: Vec<Notification<'a>>,
        digests: Vec<digests::Digest<'a>>,
    }
    let viewer = call.viewer()?;
    let page = Page::parse(&call.query())?;
    let told = call
        .read(NEWEST, values![viewer, page.limit, page.offset])
        .await?;
    let digests = call.read(digests::NEWEST, values![viewer]).await?;
    Ok(reply::ok(&Content {
        notifications: read(&told)?,
        digests: digests::read(&digests)?,
    }))
}

fn read(rows: &Rows) -> Result<Vec<Notification<'_>>, sql::Error> {
    let notifications = rows.iter().map(|row| {
        Ok(Notification {
            slug: row.get(0)?,
            title: row.get(1)?,
            author: row.get(2)?,
            created_at: row.get(3)?,
        })
    });
    notifications.collect()
}

/// Sends the event of the new article with this slug.
pub(crate) fn send(slug: &str) -> Statement {
    Statement::new(SEND).bind(slug)
}

/// Notifies some followers of an article, those behind the last one that the event names, and sends an event for the next ones. So
/// neither the memory nor the time of a delivery grows with the followers.
pub(crate) async fn notify(database: &Connection, event: &Event) -> Result<(), Error> {
    let subject = event.subject.as_deref().unwrap_or_default();
    let article = messages::number(subject.as_bytes())?;
    let after = messages::number(&event.data)?;
    let last = values![article, after, MAX_NOTIFIED_AT_ONCE - 1];
    let last = database.execute(LAST, last).await?;
    let last: Option<i64> = last.first().map(|row| row.get(0)).transpose()?;
    let told = Statement::new(NOTIFY)
        .bind(article)
        .bind(after)
        .bind(last.unwrap_or(MAX_ID))
        .bind(clock::text(clock::now()));
    let mut statements = vec![told];
    if let Some(last) = last {
        let id = format!("article {article} after {last}");
        statements.push(messages::send(&id, PUBLISHED, subject, &last.to_string())?);
    }
    database.batch(&statements).await?;
    Ok(())
}
