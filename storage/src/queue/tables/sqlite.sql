-- A message is ready if nobody owns it, no other one of its key comes before it, and it is due. Times are milliseconds since 1970.
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id BLOB NOT NULL,
    key TEXT,
    head TEXT NOT NULL,
    data BLOB NOT NULL,
    accepted INTEGER NOT NULL,
    due INTEGER NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    claim INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX IF NOT EXISTS messages_ready ON messages (queue, due, number) WHERE owner IS NULL AND blocked = 0;
CREATE INDEX IF NOT EXISTS messages_owned ON messages (owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_ordered ON messages (queue, key, number) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_listed ON messages (queue, number);

-- Counted as messages come and go: counting them when somebody asks would read all.
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The messages that were accepted lately, also those that are done.
CREATE TABLE IF NOT EXISTS accepted (
    id BLOB PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS accepted_until ON accepted (until);

-- The leases.
CREATE TABLE IF NOT EXISTS owners (
    name TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that are elsewhere, and have failed or were given back.
CREATE TABLE IF NOT EXISTS notes (
    queue TEXT NOT NULL,
    number INTEGER NOT NULL,
    released INTEGER NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (queue, number)
) STRICT, WITHOUT ROWID;

-- Seconds since 1970.
CREATE TABLE IF NOT EXISTS schedules (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS messages_once BEFORE INSERT ON messages
WHEN EXISTS (SELECT 1 FROM accepted WHERE id = new.id AND until > new.accepted)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER IF NOT EXISTS messages_added AFTER INSERT ON messages
BEGIN
    INSERT INTO accepted (id, until) VALUES (new.id, new.accepted + SAME_MESSAGE)
    ON CONFLICT (id) DO UPDATE SET until = excluded.until;
    INSERT INTO queues (name, messages, bytes)
    VALUES (new.queue, 1, octet_length(new.head) + octet_length(new.data))
    ON CONFLICT (name) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
    UPDATE messages SET blocked = 1
    WHERE number = new.number AND new.key IS NOT NULL AND EXISTS (
        SELECT 1 FROM messages WHERE queue = new.queue AND key = new.key AND number < new.number
    );
END;

CREATE TRIGGER IF NOT EXISTS messages_removed AFTER DELETE ON messages
BEGIN
    UPDATE queues SET messages = messages - 1, bytes = bytes - octet_length(old.head) - octet_length(old.data)
    WHERE name = old.queue;
    UPDATE messages SET blocked = 0
    WHERE old.blocked = 0 AND old.key IS NOT NULL AND number = (
        SELECT min(number) FROM messages WHERE queue = old.queue AND key = old.key
    );
END;

-- To the dead-letter queue, where nothing waits for anything, and back.
CREATE TRIGGER IF NOT EXISTS messages_moved AFTER UPDATE OF queue ON messages
BEGIN
    UPDATE queues SET messages = messages - 1, bytes = bytes - octet_length(old.head) - octet_length(old.data)
    WHERE name = old.queue;
    INSERT INTO queues (name, messages, bytes)
    VALUES (new.queue, 1, octet_length(new.head) + octet_length(new.data))
    ON CONFLICT (name) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
    UPDATE messages SET blocked = 0
    WHERE old.blocked = 0 AND old.key IS NOT NULL AND number = (
        SELECT min(number) FROM messages WHERE queue = old.queue AND key = old.key
    );
    UPDATE messages SET blocked = 1
    WHERE number = new.number AND new.key IS NOT NULL AND new.queue NOT LIKE '%.dead' AND EXISTS (
        SELECT 1 FROM messages
        WHERE queue = new.queue AND key = new.key AND number <> new.number AND blocked = 0
    );
END;

CREATE TRIGGER IF NOT EXISTS owners_gone AFTER DELETE ON owners
BEGIN
    UPDATE messages SET owner = NULL, due = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE owner = old.name;
END;
