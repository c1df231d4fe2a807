//! Conduit's statements, as its function has them.

/// The columns of an article and its author; `?1` is the viewer.
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

/// The column behind those: the body, or the number of all articles.
pub(crate) const NEXT_COLUMN: usize = 14;

/// `?1` is the viewer, `?2` the limit, `?3` the offset.
pub(crate) const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    ", (SELECT coalesce(sum(articles), 0) FROM article_counts)
    FROM (SELECT articles.id AS id FROM articles ORDER BY articles.id DESC LIMIT ?2 OFFSET ?3) page
    JOIN articles ON articles.id = page.id
    JOIN users ON users.id = articles.author_id
    ORDER BY articles.id DESC"
);

/// `?1` is the viewer, `?2` the slug.
pub(crate) const ARTICLE: &str = concat!(
    "SELECT ",
    columns!(),
    ", articles.body FROM articles JOIN users ON users.id = articles.author_id
    WHERE articles.id = (SELECT article_id FROM slugs WHERE slug = ?2)"
);

/// The two statements of a new comment, in one transaction. `?1` is the slug.
pub(crate) const NEXT_ID: &str = "UPDATE articles SET last_comment_id = last_comment_id + 1
    WHERE id = (SELECT article_id FROM slugs WHERE slug = ?1)";

/// `?1` is the author, `?2` the slug, `?3` the body, `?4` the time. The author's columns follow those of the comment.
pub(crate) const INSERT: &str =
    "INSERT INTO comments (article_id, id, author_id, body, created_at, updated_at)
    SELECT id, last_comment_id, ?1, ?3, ?4, ?4 FROM articles
    WHERE id = (SELECT article_id FROM slugs WHERE slug = ?2)
    RETURNING id, created_at, updated_at, body,
        (SELECT username FROM users WHERE id = ?1) AS username, (SELECT bio FROM users WHERE id = ?1) AS bio,
        (SELECT image FROM users WHERE id = ?1) AS image,
        EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = ?1) AS following, article_id";

/// The tables, in an order in which none refers to a later one.
pub(crate) const TABLES: [&str; 9] = [
    "users",
    "articles",
    "tags",
    "article_tags",
    "favorites",
    "follows",
    "comments",
    "slugs",
    "article_counts",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// All statements of conduit, each on a line. A test of conduit keeps the list complete.
    const LISTED: &str = include_str!("../../../../functions/conduit/statements.sql");

    #[test]
    fn statements_are_those_of_conduit() {
        for text in [PAGE, ARTICLE, NEXT_ID, INSERT] {
            let in_one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_listed = LISTED.lines().any(|listed| listed == in_one_line);
            assert!(is_listed, "conduit has no such statement: {in_one_line}");
        }
    }
}
