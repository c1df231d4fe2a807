//! Favourites: which articles a user likes, and how many users like an article.

use terrace_sdk::Response;
use terrace_sdk::sql::{self, Statement};

use crate::articles;
use crate::call::Call;
use crate::failure::Failure;

/// `?1` is the viewer, `?2` the slug. The count changes first: it looks at whether the link is there.
const COUNT_UP: &str = "
    UPDATE articles SET favorites_count = favorites_count + 1
    WHERE slug = ?2 AND NOT EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id)";

const LINK: &str = "
    INSERT INTO favorites (user_id, article_id) SELECT ?1, id FROM articles WHERE slug = ?2
    ON CONFLICT DO NOTHING";

const COUNT_DOWN: &str = "
    UPDATE articles SET favorites_count = favorites_count - 1
    WHERE slug = ?2 AND EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id)";

const UNLINK: &str = "
    DELETE FROM favorites WHERE user_id = ?1 AND article_id = (SELECT id FROM articles WHERE slug = ?2)";

/// `POST /articles/{slug}/favorite`
pub(crate) async fn add(call: Call, slug: &str) -> Result<Response, Failure> {
    change(&call, slug, [COUNT_UP, LINK]).await
}

/// `DELETE /articles/{slug}/favorite`
pub(crate) async fn remove(call: Call, slug: &str) -> Result<Response, Failure> {
    change(&call, slug, [COUNT_DOWN, UNLINK]).await
}

async fn change(
    call: &Call,
    slug: &str,
    [count, link]: [&'static str; 2],
) -> Result<Response, Failure> {
    let viewer = call.viewer()?;
    let bind = |text| Statement::new(text).bind(viewer).bind(slug);
    let results = call
        .batch(&[bind(count), bind(link), articles::by_slug(viewer, slug)])
        .await?;
    articles::reply_ok(results.last().ok_or(sql::Error::NoRow)?)
}
