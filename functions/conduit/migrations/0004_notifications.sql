-- Events that are sent if and only if the transaction that inserts them is committed.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT,
    time TEXT,
    datacontenttype TEXT,
    data BLOB
);

-- The articles of which a user is told, because somebody whom the user follows has published them.
CREATE TABLE notifications (
    user_id INTEGER NOT NULL REFERENCES users (id),
    article_id INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    -- When the digest was made that has it; empty before that.
    digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, article_id)
);

CREATE INDEX notifications_by_article ON notifications (article_id);

CREATE INDEX notifications_by_digest ON notifications (digest, user_id);

-- The number of articles of which a user was told since the digest before.
CREATE TABLE digests (
    user_id INTEGER NOT NULL REFERENCES users (id),
    made_at TEXT NOT NULL,
    articles INTEGER NOT NULL,
    PRIMARY KEY (user_id, made_at)
);

-- The followers of a user are read in parts, by their ids.
DROP INDEX follows_by_followed;

CREATE INDEX follows_by_followed ON follows (followed_id, follower_id);
