//! Lists of articles, the newest first, with the total number that match.
//!
//! A page is one statement: first the ids of the page, from an index alone, then what is shown of each. Ids
//! grow with time, so that their order is the order of creation. The total comes with each row; only a page
//! beyond the end has none, and then the first article is asked for it.

use terrace_sdk::sql::{Rows, Value};
use terrace_sdk::{Response, values};

use super::view;
use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;
use crate::paging::{Page, Query};
use crate::validation;

/// Parameters that every list has: the viewer, limit and offset.
const FIXED_PARAMETERS: usize = 3;

const TOTAL_OF_ALL: &str = "SELECT coalesce(sum(articles), 0) FROM article_counts";

const FOLLOWED: &str = "
    FROM follows JOIN articles ON articles.author_id = follows.followed_id WHERE follows.follower_id = ?1";

/// A table that an article is found by, and its column with the article's id.
type Table = (&'static str, &'static str);

const ARTICLES: Table = ("articles", "articles.id");
const TAGS: Table = ("article_tags", "article_tags.article_id");
const FAVORITES: Table = ("favorites", "favorites.article_id");

/// `GET /articles`
pub(crate) async fn list(call: Call) -> Result<Response, Failure> {
    let query = call.query();
    let selection = Selection::by_filters(&query)?;
    let (rows, response) = reply(&call, &query, selection).await?;
    Ok(caching::shared(&call, response, groups(&query, &rows)?))
}

/// What a list is made of: what its filters go by, and the articles that it shows.
fn groups(query: &Query, rows: &Rows) -> Result<Groups, Failure> {
    let filters = [
        query.get("tag").map(Group::Tag),
        query.get("author").map(Group::Author),
        query.get("favorited").map(Group::Favorited),
        query.get("favorited").map(|_| Group::Favorites),
    ];
    let mut groups = Groups::of(filters.into_iter().flatten());
    if filters.iter().all(Option::is_none) {
        groups.add(Group::Articles);
    }
    for row in rows.iter() {
        view::groups(row)?
            .into_iter()
            .for_each(|group| groups.add(group));
    }
    Ok(groups)
}

/// `GET /articles/feed`: articles of those whom the viewer follows.
pub(crate) async fn feed(call: Call) -> Result<Response, Failure> {
    call.viewer()?;
    let query = call.query();
    let selection = Selection {
        id: ARTICLES.1,
        source: FOLLOWED.to_owned(),
        total: None,
        parameters: Vec::new(),
    };
    Ok(reply(&call, &query, selection).await?.1)
}

/// Which articles a list has.
struct Selection {
    /// The column of `source` with the article's id, by which an index sorts it.
    id: &'static str,
    /// `FROM` and `WHERE` of a statement.
    source: String,
    /// How they are counted, unless by counting `source`.
    total: Option<&'static str>,
    /// What `source` needs, from `?4` on.
    parameters: Vec<Value>,
}

impl Selection {
    fn by_filters(query: &Query) -> Result<Self, Failure> {
        let filters = [
            ("tag", TAGS, "article_tags.tag = "),
            (
                "favorited",
                FAVORITES,
                "favorites.user_id = (SELECT id FROM users WHERE username = ",
            ),
            (
                "author",
                ARTICLES,
                "articles.author_id = (SELECT id FROM users WHERE username = ",
            ),
        ];
        let mut tables = Vec::new();
        let mut conditions = Vec::new();
        let mut parameters = Vec::new();
        for (name, table, condition) in filters {
            let Some(value) = query.get(name) else {
                continue;
            };
            validation::portable(name, value)?;
            parameters.push(Value::from(value));
            let closing = if condition.contains('(') { ")" } else { "" };
            conditions.push(format!(
                "{condition}?{}{closing}",
                FIXED_PARAMETERS + parameters.len()
            ));
            tables.push(table);
        }
        if tables.is_empty() {
            return Ok(Self {
                id: ARTICLES.1,
                source: "FROM articles".to_owned(),
                total: Some(TOTAL_OF_ALL),
                parameters,
            });
        }
        let source = format!(
            "FROM {} WHERE {}",
            joined(&tables),
            conditions.join(" AND ")
        );
        Ok(Self {
            id: tables[0].1,
            source,
            total: None,
            parameters,
        })
    }

    fn page(&self) -> String {
        let Self { id, source, .. } = self;
        format!(
            "{select}, ({total}) FROM (SELECT {id} AS id {source} ORDER BY {id} DESC LIMIT ?2 OFFSET ?3) page
            JOIN articles ON articles.id = page.id
            JOIN users ON users.id = articles.author_id
            ORDER BY articles.id DESC",
            select = view::SELECT,
            total = self.total(),
        )
    }

    fn total(&self) -> String {
        self.total
            .map_or_else(|| format!("SELECT count(*) {}", self.source), str::to_owned)
    }
}

/// All tables, joined to the first by the article's id.
fn joined(tables: &[Table]) -> String {
    let first = tables[0].1;
    let names = tables
        .iter()
        .enumerate()
        .map(|(index, (name, id))| match index {
            0 => (*name).to_owned(),
            _ => format!(" JOIN {name} ON {id} = {first}"),
        });
    names.collect()
}

async fn reply(
    call: &Call,
    query: &Query,
    selection: Selection,
) -> Result<(Rows, Response), Failure> {
    let Page { limit, offset } = Page::parse(query)?;
    let rows = read(call, &selection, limit, offset).await?;
    let total = match view::total(&rows)? {
        Some(total) => total,
        None if offset == 0 => 0,
        None => view::total(&read(call, &selection, 1, 0).await?)?.unwrap_or(0),
    };
    let response = view::reply_list(&rows, total)?;
    Ok((rows, response))
}

async fn read(
    call: &Call,
    selection: &Selection,
    limit: u32,
    offset: u32,
) -> Result<Rows, Failure> {
    let mut parameters = values![call.viewer_or_nobody(), limit, offset];
    parameters.extend(selection.parameters.iter().cloned());
    call.read(&selection.page(), parameters).await
}
