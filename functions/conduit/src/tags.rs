//! Tags: finding articles by subject, and counting the uses of each tag.
//!
//! The functions that write give statements for the batch of the article they belong to.

use std::collections::BTreeSet;

use serde::Serialize;
use terrace_sdk::queue::Event;
use terrace_sdk::sql::{self, Connection, Statement, Value};
use terrace_sdk::{Error, Response, values};

use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;
use crate::limits::{MAX_LISTED_TAGS, MAX_TAGS_PER_ARTICLE};
use crate::messages::{self, TAGGED};
use crate::reply;

const MOST_USED: &str =
    "SELECT name FROM tags WHERE articles > 0 ORDER BY articles DESC, name DESC LIMIT ?1";

const COUNT_DOWN: &str = "
    UPDATE tags SET articles = articles - 1
    WHERE name IN (SELECT tag FROM article_tags WHERE article_id = ?1)";

const UNLINK: &str = "DELETE FROM article_tags WHERE article_id = ?1";

/// `GET /tags`: the most used first.
pub(crate) async fn list(call: Call) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Content<'a> {
        tags: Vec<&'a str>,
    }
    let rows = call.read(MOST_USED, values![MAX_LISTED_TAGS]).await?;
    let tags: Result<Vec<&str>, sql::Error> = rows.iter().map(|row| row.get(0)).collect();
    let response = reply::ok(&Content { tags: tags? });
    Ok(caching::shared(&call, response, Groups::of([Group::Tags])))
}

/// Takes all tags off an article.
pub(crate) fn remove(article: i64) -> [Statement; 2] {
    [COUNT_DOWN, UNLINK].map(|text| Statement::new(text).bind(article))
}

/// Puts tags on an article that has none.
pub(crate) fn add(article: i64, tags: &[String]) -> Vec<Statement> {
    if tags.is_empty() {
        return Vec::new();
    }
    vec![count_up(tags), link("?1", article.into(), tags)]
}

/// [`add`], for the batch that makes the article and its slug.
pub(crate) fn add_to_new(slug: &str, tags: &[String]) -> Vec<Statement> {
    if tags.is_empty() {
        return Vec::new();
    }
    let article = "(SELECT article_id FROM slugs WHERE slug = ?1)";
    vec![count_up(tags), link(article, slug.into(), tags)]
}

/// Sends the event that the tags of an article are others than before. None if nobody delivers it, or no tag is concerned.
pub(crate) fn send(
    call: &Call,
    before: &[String],
    after: &[String],
) -> Result<Option<Statement>, Failure> {
    let tags: BTreeSet<&String> = before.iter().chain(after).collect();
    if tags.is_empty() || !call.instance.sends_events {
        return Ok(None);
    }
    let mut chance = [0; 16];
    getrandom::fill(&mut chance)?;
    let id = chance.map(|byte| format!("{byte:02x}")).concat();
    let tags = serde_json::to_string(&tags).map_err(Error::from)?;
    Ok(Some(messages::send(&id, TAGGED, "tags", &tags)?))
}

/// Counts the uses of the tags that an event names anew. Requests keep the counts in step; this mends what went wrong, by whatever.
pub(crate) async fn recount(database: &Connection, event: &Event) -> Result<(), Error> {
    let tags: Vec<String> = serde_json::from_slice(&event.data)?;
    // An article with the most tags may get as many others, and D1 allows a hundred parameters.
    for tags in tags.chunks(MAX_TAGS_PER_ARTICLE) {
        let names: Vec<String> = (1..=tags.len())
            .map(|number| format!("?{number}"))
            .collect();
        let text = format!(
            "UPDATE tags SET articles = (SELECT count(*) FROM article_tags WHERE tag = tags.name) WHERE name IN ({})",
            names.join(", ")
        );
        let values = tags.iter().map(Value::from).collect::<Vec<_>>();
        database.execute(&text, values).await?;
    }
    Ok(())
}

fn count_up(tags: &[String]) -> Statement {
    let rows: Vec<String> = (1..=tags.len())
        .map(|number| format!("(?{number}, 1)"))
        .collect();
    let text = format!(
        "INSERT INTO tags (name, articles) VALUES {} ON CONFLICT (name) DO UPDATE SET articles = tags.articles + 1",
        rows.join(", ")
    );
    tags.iter().fold(Statement::new(text), Statement::bind)
}

/// `article` is an expression for the article's id, in which `?1` is `given`.
fn link(article: &str, given: Value, tags: &[String]) -> Statement {
    let rows: Vec<String> = (2..=tags.len() + 1)
        .map(|number| format!("(?{number}, {article})"))
        .collect();
    let text = format!(
        "INSERT INTO article_tags (tag, article_id) VALUES {}",
        rows.join(", ")
    );
    tags.iter()
        .fold(Statement::new(text).bind(given), |statement, tag| {
            statement.bind(tag)
        })
}
