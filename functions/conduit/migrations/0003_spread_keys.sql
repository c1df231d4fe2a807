-- Makes the keys ready for a database that is spread over several servers: such a database enforces a unique key only
-- if the key contains the column by which the table is spread. An article is spread by its id, and with it all that
-- belongs to it. Slugs have a table of their own, and the ids of comments count up within each article.
-- No row is written by each new article: the number of articles is the sum of several.
--
-- SQLite drops a UNIQUE only with its table. So the tables are filled again under other names, first those that refer
-- to others, so that dropping the old ones deletes nothing by ON DELETE CASCADE.

CREATE TABLE new_articles (
    id INTEGER PRIMARY KEY,
    -- Unique by the table slugs.
    slug TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The tags in the author's order, as a JSON array; article_tags holds them for searching.
    tags TEXT NOT NULL,
    favorites_count INTEGER NOT NULL DEFAULT 0,
    -- The greatest id that a comment under the article has had.
    last_comment_id INTEGER NOT NULL DEFAULT 0,
    author_id INTEGER NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

INSERT INTO new_articles
    (id, slug, title, description, body, tags, favorites_count, last_comment_id, author_id, created_at, updated_at)
SELECT id, slug, title, description, body, tags, favorites_count,
    coalesce((SELECT max(comments.id) FROM comments WHERE comments.article_id = articles.id), 0),
    author_id, created_at, updated_at
FROM articles;

CREATE TABLE new_article_tags (
    tag TEXT NOT NULL,
    article_id INTEGER NOT NULL REFERENCES new_articles (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, article_id)
);

INSERT INTO new_article_tags (tag, article_id) SELECT tag, article_id FROM article_tags;

CREATE TABLE new_favorites (
    user_id INTEGER NOT NULL REFERENCES users (id),
    article_id INTEGER NOT NULL REFERENCES new_articles (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, article_id)
);

INSERT INTO new_favorites (user_id, article_id) SELECT user_id, article_id FROM favorites;

CREATE TABLE new_comments (
    article_id INTEGER NOT NULL REFERENCES new_articles (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    author_id INTEGER NOT NULL REFERENCES users (id),
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (article_id, id)
);

INSERT INTO new_comments (article_id, id, author_id, body, created_at, updated_at)
SELECT article_id, id, author_id, body, created_at, updated_at FROM comments;

-- The article of each slug. It refers to articles without a foreign key: the two are spread by different columns.
CREATE TABLE slugs (
    slug TEXT PRIMARY KEY NOT NULL,
    article_id INTEGER NOT NULL
);

INSERT INTO slugs (slug, article_id) SELECT slug, id FROM articles;

CREATE INDEX slugs_by_article ON slugs (article_id);

-- The sum is the number of articles. Each article is counted in the part that its id falls into.
CREATE TABLE article_counts (
    part INTEGER PRIMARY KEY,
    articles INTEGER NOT NULL
);

INSERT INTO article_counts (part, articles) SELECT id % 16, count(*) FROM articles GROUP BY id % 16;

DROP TABLE article_tags;
DROP TABLE favorites;
DROP TABLE comments;
DROP TABLE articles;
DROP TABLE totals;

ALTER TABLE new_articles RENAME TO articles;
ALTER TABLE new_article_tags RENAME TO article_tags;
ALTER TABLE new_favorites RENAME TO favorites;
ALTER TABLE new_comments RENAME TO comments;

CREATE INDEX articles_by_author ON articles (author_id, id);
CREATE INDEX article_tags_by_article ON article_tags (article_id, tag);
CREATE INDEX favorites_by_article ON favorites (article_id);
CREATE INDEX comments_by_author ON comments (author_id);
