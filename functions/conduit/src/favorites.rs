//! Favourites: the articles that a user likes, and the number of users that like an article.

use terrace_sdk::Response;
use terrace_sdk::sql::{self, Statement};

use crate::articles;
use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;

/// `?1` is the viewer, `?2` the slug. The count changes first: it looks at whether the link is there.
const COUNT_UP: &str = "
    UPDATE articles SET favorites_count = favorites_count + 1
    WHERE id = (SELECT article_id FROM slugs WHERE slug = ?2)
    AND NOT EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id)";

const LINK: &str = "
    INSERT INTO favorites (user_id, article_id) SELECT ?1, article_id FROM slugs WHERE slug = ?2
    ON CONFLICT DO NOTHING";

const COUNT_DOWN: &str = "
    UPDATE articles SET favorites_count = favorites_count - 1
    WHERE id = (SELECT article_id FROM slugs WHERE slug = ?2)
    AND EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id)";

const UNLINK: &str = "
    DELETE FROM favorites WHERE user_id = ?1 AND article_id = (SELECT article_id FROM slugs WHERE slug = ?2)";

/// What is shown otherwise now: the article's count, and the user's list.
const CHANGED: &str = "
    SELECT slugs.article_id, users.username FROM slugs JOIN users ON users.id = ?1 WHERE slugs.slug = ?2";

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
    let statements = [
        bind(count),
        bind(link),
        bind(CHANGED),
        articles::by_slug(viewer, slug),
    ];
    let results = call.batch(&statements).await?;
    let [_, _, changed, article] = &results[..] else {
        return Err(sql::Error::NoRow.into());
    };
    let response = articles::reply_ok(article)?;
    let changed = changed.one()?;
    let groups = Groups::of([
        Group::Article(changed.get(0)?),
        Group::Favorited(changed.get(1)?),
    ]);
    Ok(caching::changed(response, groups))
}
