-- Times are text in UTC with milliseconds, as the API shows them: they sort as they are and are never parsed.
-- What a list shows of each row is kept in the row (tags, counts), because lists are read far more often
-- than anything is written; every write keeps both in step in one transaction.

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    bio TEXT,
    image TEXT,
    created_at TEXT NOT NULL
);

CREATE TABLE articles (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The tags in the author's order, as a JSON array; article_tags holds them for searching.
    tags TEXT NOT NULL,
    favorites_count INTEGER NOT NULL DEFAULT 0,
    author_id INTEGER NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE INDEX articles_by_author ON articles (author_id, id);

CREATE TABLE tags (
    name TEXT PRIMARY KEY,
    articles INTEGER NOT NULL
);

CREATE INDEX tags_by_use ON tags (articles, name);

CREATE TABLE article_tags (
    tag TEXT NOT NULL,
    article_id INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, article_id)
);

CREATE INDEX article_tags_by_article ON article_tags (article_id, tag);

CREATE TABLE favorites (
    user_id INTEGER NOT NULL REFERENCES users (id),
    article_id INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, article_id)
);

CREATE INDEX favorites_by_article ON favorites (article_id);

CREATE TABLE follows (
    follower_id INTEGER NOT NULL REFERENCES users (id),
    followed_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (follower_id, followed_id)
);

CREATE INDEX follows_by_followed ON follows (followed_id);

CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    article_id INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    author_id INTEGER NOT NULL REFERENCES users (id),
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE INDEX comments_by_article ON comments (article_id, id);

CREATE INDEX comments_by_author ON comments (author_id);

CREATE TABLE totals (
    name TEXT PRIMARY KEY,
    amount INTEGER NOT NULL
);

INSERT INTO totals (name, amount) VALUES ('articles', 0);
