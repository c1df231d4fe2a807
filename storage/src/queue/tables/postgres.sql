-- A message is ready if nobody owns it, no other one of its key comes before it, and it is due. Times are milliseconds since 1970.
-- Each function is called by itself and is a transaction. Its statements see what others have committed before them (READ
-- COMMITTED): a function that has waited for a lock sees what whoever had it has done.
CREATE TABLE terrace_queue.messages (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    id bytea NOT NULL,
    key bytea,
    head text NOT NULL,
    data bytea NOT NULL,
    accepted bigint NOT NULL,
    due bigint NOT NULL,
    blocked boolean NOT NULL,
    owner text,
    claim bigint,
    attempts bigint NOT NULL DEFAULT 0,
    failures text[] NOT NULL DEFAULT '{}'
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Compressing them would cost more than it saves.
ALTER TABLE terrace_queue.messages ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX messages_ready ON terrace_queue.messages (queue, due, number) WHERE owner IS NULL AND NOT blocked;
CREATE INDEX messages_owned ON terrace_queue.messages (owner) WHERE owner IS NOT NULL;
CREATE INDEX messages_ordered ON terrace_queue.messages (queue, key, number) WHERE key IS NOT NULL;
CREATE INDEX messages_listed ON terrace_queue.messages (queue, number);

-- Whether a consumer waits to hear of the next message.
CREATE TABLE terrace_queue.queues (
    name text PRIMARY KEY,
    awaited boolean NOT NULL DEFAULT false
);

-- Counted as messages come and go: counting them when somebody asks would read all. Each queue has several rows, or all that
-- change it would wait for each other until their commits.
CREATE TABLE terrace_queue.counts (
    queue text NOT NULL,
    shard integer NOT NULL,
    messages bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (queue, shard)
) WITH (fillfactor = 50);

-- The messages that were accepted lately, also those that are done.
CREATE TABLE terrace_queue.accepted (
    id bytea PRIMARY KEY,
    until bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX accepted_until ON terrace_queue.accepted (until);

-- The leases.
CREATE TABLE terrace_queue.owners (
    name text PRIMARY KEY,
    until bigint NOT NULL
);

-- Messages that are elsewhere, and have failed or were given back.
CREATE TABLE terrace_queue.notes (
    queue text NOT NULL,
    number bigint NOT NULL,
    released bigint NOT NULL DEFAULT 0,
    failures text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (queue, number)
);

-- Seconds since 1970.
CREATE TABLE terrace_queue.schedules (
    name text PRIMARY KEY,
    next bigint NOT NULL
);

CREATE FUNCTION terrace_queue.now() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

CREATE FUNCTION terrace_queue.size(head text, data bytea) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT octet_length(head)::bigint + octet_length(data)
$$;

CREATE FUNCTION terrace_queue.count(of text, more bigint, more_bytes bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO terrace_queue.counts AS c (queue, shard, messages, bytes) VALUES (of, pg_backend_pid() % 16, more, more_bytes)
    ON CONFLICT (queue, shard) DO UPDATE SET messages = c.messages + excluded.messages, bytes = c.bytes + excluded.bytes
$$;

-- Has whoever changes the order of these keys of a queue come one after the other. The locks are few, whatever the keys.
CREATE FUNCTION terrace_queue.lock_keys(of text, keys bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('terrace_queue'), hashtext(of));
    PERFORM pg_advisory_xact_lock(hashtext(of), bucket)
    FROM (SELECT DISTINCT get_byte(key, 0) % 64 AS bucket FROM unnest(keys) AS key WHERE key IS NOT NULL ORDER BY 1 OFFSET 0) AS buckets;
END $$;

-- The same for all keys of a queue.
CREATE FUNCTION terrace_queue.lock_queue(of text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtext('terrace_queue'), hashtext(of))
$$;

-- The first message of a key is not blocked, if no other one of it is at work. The caller has the lock.
CREATE FUNCTION terrace_queue.unblock(of text, keys bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE terrace_queue.messages AS m SET blocked = false
    FROM (SELECT DISTINCT key FROM unnest(keys) AS key WHERE key IS NOT NULL) AS k,
        LATERAL (
            SELECT number FROM terrace_queue.messages
            WHERE queue = of AND key = k.key ORDER BY number LIMIT 1
        ) AS first
    WHERE m.number = first.number AND m.blocked AND NOT EXISTS (
        SELECT 1 FROM terrace_queue.messages WHERE queue = of AND key = k.key AND NOT blocked
    );
END $$;

-- Tells consumers that wait, and only them: telling is a lock that all commits share.
CREATE FUNCTION terrace_queue.tell(names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT DISTINCT given FROM unnest(names) AS given ORDER BY given LOOP
        UPDATE terrace_queue.queues SET awaited = false WHERE name = one AND awaited;
        IF FOUND THEN
            PERFORM pg_notify('terrace_queue', one);
        END IF;
    END LOOP;
END $$;

-- Stores the messages of several parts, each as a whole or not at all, and returns the queues that are full: parts with messages for
-- one of them are not stored.
CREATE FUNCTION terrace_queue.send(
    parts bigint[], queues text[], ids bytea[], keys bytea[], heads text[], contents bytea[], delays bigint[],
    most bigint, most_bytes bigint, same_message bigint
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    moment bigint;
    one text;
    filled text[] := '{}';
    refused bigint[] := '{}';
BEGIN
    FOR one IN SELECT DISTINCT given FROM unnest(queues) AS given LOOP
        IF (
            SELECT coalesce(sum(messages), 0) >= most OR coalesce(sum(bytes), 0) >= most_bytes
            FROM terrace_queue.counts WHERE queue IN (one, one || '.dead')
        ) THEN
            filled := filled || one;
        END IF;
    END LOOP;
    IF filled <> '{}' THEN
        refused := ARRAY(SELECT DISTINCT part FROM unnest(parts, queues) AS given (part, queue) WHERE queue = ANY (filled));
    END IF;
    IF array_remove(keys, NULL) <> '{}' THEN
        PERFORM terrace_queue.lock_keys(of, of_keys) FROM (
            SELECT given.queue AS of, array_agg(given.key) AS of_keys
            FROM unnest(queues, keys) AS given (queue, key) WHERE given.key IS NOT NULL
            GROUP BY given.queue ORDER BY given.queue OFFSET 0
        ) AS keyed;
    END IF;
    moment := terrace_queue.now();
    WITH given AS (
        SELECT * FROM unnest(parts, queues, ids, keys, heads, contents, delays)
            WITH ORDINALITY AS given (part, queue, id, key, head, data, delay, place)
        WHERE part <> ALL (refused)
    ), fresh AS (
        INSERT INTO terrace_queue.accepted AS a (id, until)
        SELECT DISTINCT id, moment + same_message FROM given ORDER BY id
        ON CONFLICT (id) DO UPDATE SET until = excluded.until WHERE a.until <= moment
        RETURNING id
    ), firsts AS (
        SELECT DISTINCT ON (id) given.* FROM given JOIN fresh USING (id) ORDER BY id, place
    ), inserted AS (
        INSERT INTO terrace_queue.messages (queue, id, key, head, data, accepted, due, blocked)
        SELECT queue, id, key, head, data, moment, moment + delay, key IS NOT NULL AND (
            row_number() OVER (PARTITION BY queue, key ORDER BY place) > 1
            OR EXISTS (SELECT 1 FROM terrace_queue.messages AS m WHERE m.queue = firsts.queue AND m.key = firsts.key)
        ) FROM firsts ORDER BY place
        RETURNING queue, terrace_queue.size(head, data) AS size
    )
    INSERT INTO terrace_queue.counts AS c (queue, shard, messages, bytes)
    SELECT queue, pg_backend_pid() % 16, count(*), sum(size) FROM inserted GROUP BY queue ORDER BY queue
    ON CONFLICT (queue, shard) DO UPDATE SET messages = c.messages + excluded.messages, bytes = c.bytes + excluded.bytes;
    PERFORM terrace_queue.tell(queues);
    RETURN filled;
END $$;

-- The time until the next message is due, and whether the caller is told of others from now on, and must look again.
CREATE FUNCTION terrace_queue.next(of text, OUT next bigint, OUT told bigint) LANGUAGE plpgsql AS $$
BEGIN
    told := 0;
    SELECT min(due) - terrace_queue.now() INTO next
    FROM terrace_queue.messages WHERE queue = of AND owner IS NULL AND NOT blocked;
    IF next < 0 THEN
        next := 0;
    END IF;
    IF next = 0 OR EXISTS (SELECT 1 FROM terrace_queue.queues WHERE name = of AND awaited) THEN
        RETURN;
    END IF;
    INSERT INTO terrace_queue.queues AS q (name, awaited) VALUES (of, true)
    ON CONFLICT (name) DO UPDATE SET awaited = true WHERE NOT q.awaited;
    IF FOUND THEN
        told := 1;
    END IF;
END $$;

-- Messages in the order in which they are due, for as long as their bytes together are few.
CREATE FUNCTION terrace_queue.claim(whose text, of text, most bigint, most_bytes bigint, token bigint)
RETURNS TABLE (number bigint, attempts bigint, age bigint, head text, data bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    moment bigint := terrace_queue.now();
BEGIN
    -- A consumer with nothing to do writes nothing.
    IF NOT EXISTS (
        SELECT 1 FROM terrace_queue.messages WHERE queue = of AND owner IS NULL AND NOT blocked AND due <= moment
    ) THEN
        RETURN;
    END IF;
    -- The lease does not end before this has ended.
    PERFORM 1 FROM terrace_queue.owners WHERE name = whose AND until > moment FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY WITH ready AS MATERIALIZED (
        SELECT number, due, terrace_queue.size(head, data) AS size FROM terrace_queue.messages
        WHERE queue = of AND owner IS NULL AND NOT blocked AND due <= moment
        ORDER BY due, number LIMIT most FOR UPDATE SKIP LOCKED
    ), places AS (
        SELECT number, sum(size) OVER earlier AS bytes, row_number() OVER earlier AS place FROM ready
        WINDOW earlier AS (ORDER BY due, number)
    )
    UPDATE terrace_queue.messages AS m SET owner = whose, claim = token, attempts = m.attempts + 1
    FROM places WHERE m.number = places.number AND (places.bytes <= most_bytes OR places.place = 1)
    RETURNING m.number, m.attempts, moment - m.accepted, m.head, m.data;
END $$;

-- Locks the keys of messages that an owner has.
CREATE FUNCTION terrace_queue.lock_owned(numbers bigint[], whose text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM terrace_queue.lock_keys(of, keys) FROM (
        SELECT queue AS of, array_agg(key) AS keys FROM terrace_queue.messages
        WHERE number = ANY (numbers) AND owner = whose AND key IS NOT NULL
        GROUP BY queue ORDER BY queue OFFSET 0
    ) AS keyed;
END $$;

-- Returns the messages that the owner had.
CREATE FUNCTION terrace_queue.acknowledge(numbers bigint[], whose text) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    gone record;
BEGIN
    PERFORM terrace_queue.lock_owned(numbers, whose);
    WITH deleted AS (
        DELETE FROM terrace_queue.messages WHERE number = ANY (numbers) AND owner = whose
        RETURNING number, queue, key, terrace_queue.size(head, data) AS size
    ), counted AS (
        INSERT INTO terrace_queue.counts AS c (queue, shard, messages, bytes)
        SELECT queue, pg_backend_pid() % 16, -count(*), -sum(size) FROM deleted GROUP BY queue ORDER BY queue
        ON CONFLICT (queue, shard) DO UPDATE SET messages = c.messages + excluded.messages, bytes = c.bytes + excluded.bytes
    )
    SELECT coalesce(array_agg(number), '{}') AS numbers, array_agg(queue) FILTER (WHERE key IS NOT NULL) AS queues,
        array_agg(key) FILTER (WHERE key IS NOT NULL) AS keys INTO gone FROM deleted;
    IF gone.keys IS NOT NULL THEN
        PERFORM terrace_queue.unblock(of, of_keys) FROM (
            SELECT queue AS of, array_agg(key) AS of_keys FROM unnest(gone.queues, gone.keys) AS given (queue, key)
            GROUP BY queue OFFSET 0
        ) AS keyed;
        PERFORM terrace_queue.tell(gone.queues);
    END IF;
    RETURN gone.numbers;
END $$;

-- Moves messages to another queue. The caller has the locks.
CREATE FUNCTION terrace_queue.move(numbers bigint[], source text, target text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved record;
BEGIN
    WITH moving AS (
        UPDATE terrace_queue.messages SET queue = target, owner = NULL, due = terrace_queue.now(),
            blocked = key IS NOT NULL AND target NOT LIKE '%.dead'
        WHERE number = ANY (numbers)
        RETURNING key, terrace_queue.size(head, data) AS size
    )
    SELECT count(*) AS messages, sum(size) AS bytes, array_agg(key) AS keys INTO moved FROM moving;
    IF moved.messages > 0 THEN
        PERFORM terrace_queue.unblock(of, moved.keys)
        FROM unnest(ARRAY[source, target]) AS of WHERE of NOT LIKE '%.dead';
        PERFORM terrace_queue.count(of, times * moved.messages, (times * moved.bytes)::bigint)
        FROM (VALUES (source, -1), (target, 1)) AS change (of, times) ORDER BY of;
        PERFORM terrace_queue.tell(ARRAY[source, target]);
    END IF;
END $$;

-- Returns whether the owner had the message.
CREATE FUNCTION terrace_queue.bury(which bigint, whose text, failure text, most bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    dead record;
BEGIN
    PERFORM terrace_queue.lock_owned(ARRAY[which], whose);
    UPDATE terrace_queue.messages SET failures = (failures || failure)[greatest(cardinality(failures) + 2 - most, 1):]
    WHERE number = which AND owner = whose RETURNING queue INTO dead;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM terrace_queue.move(ARRAY[which], dead.queue, dead.queue || '.dead');
    RETURN true;
END $$;

-- Messages of a queue that nobody owns, or one of them.
CREATE FUNCTION terrace_queue.some(of text, which bigint, most bigint) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(number), '{}') FROM (
        SELECT number FROM terrace_queue.messages
        WHERE queue = of AND owner IS NULL AND (which IS NULL OR number = which)
        ORDER BY number LIMIT most FOR UPDATE SKIP LOCKED
    ) AS free
$$;

-- Returns how many were moved.
CREATE FUNCTION terrace_queue.redrive(of text, which bigint, most bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    target text := left(of, -5);
    numbers bigint[];
BEGIN
    IF of NOT LIKE '%.dead' THEN
        RETURN 0;
    END IF;
    PERFORM terrace_queue.lock_queue(target);
    numbers := terrace_queue.some(of, which, most);
    UPDATE terrace_queue.messages SET attempts = 0 WHERE number = ANY (numbers);
    PERFORM terrace_queue.move(numbers, of, target);
    RETURN cardinality(numbers);
END $$;

-- Returns how many were deleted.
CREATE FUNCTION terrace_queue.drop(of text, which bigint, most bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone record;
    numbers bigint[];
BEGIN
    PERFORM terrace_queue.lock_queue(of);
    numbers := terrace_queue.some(of, which, most);
    WITH dropped AS (
        DELETE FROM terrace_queue.messages WHERE number = ANY (numbers)
        RETURNING key, terrace_queue.size(head, data) AS size
    )
    SELECT count(*) AS messages, sum(size) AS bytes, array_agg(key) AS keys INTO gone FROM dropped;
    IF gone.messages > 0 THEN
        PERFORM terrace_queue.unblock(of, gone.keys) WHERE of NOT LIKE '%.dead';
        PERFORM terrace_queue.count(of, -gone.messages, -gone.bytes::bigint);
        PERFORM terrace_queue.tell(ARRAY[of]);
    END IF;
    RETURN gone.messages;
END $$;

-- Stores a dead letter that was elsewhere, unless it is there.
CREATE FUNCTION terrace_queue.keep(of text, which bytea, its_key text, its_head text, its_data bytea, tried bigint, reasons json, same_message bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO terrace_queue.accepted (id, until) VALUES (which, terrace_queue.now() + same_message) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO terrace_queue.messages (queue, id, key, head, data, accepted, due, blocked, attempts, failures)
    VALUES (of, which, convert_to(nullif(its_key, ''), 'UTF8'), its_head, its_data, terrace_queue.now(), terrace_queue.now(), false, tried,
        ARRAY(SELECT reason::text FROM json_array_elements(reasons) AS reason));
    PERFORM terrace_queue.count(of, 1, terrace_queue.size(its_head, its_data));
END $$;

-- Ends the lease of an owner, or all that are over.
CREATE FUNCTION terrace_queue.end_leases(whose text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gone text[];
    freed text[];
BEGIN
    WITH ended AS (
        DELETE FROM terrace_queue.owners WHERE name = whose OR (whose IS NULL AND until <= terrace_queue.now()) RETURNING name
    )
    SELECT array_agg(name) INTO gone FROM ended;
    WITH ready AS (
        UPDATE terrace_queue.messages SET owner = NULL, due = terrace_queue.now() WHERE owner = ANY (gone) RETURNING queue
    )
    SELECT array_agg(DISTINCT queue) INTO freed FROM ready;
    PERFORM terrace_queue.tell(freed);
END $$;

-- Plans are kept for as long as a connection lasts: one that was made while there were few messages must serve for a million.
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc
        WHERE pronamespace = 'terrace_queue'::regnamespace
            AND proname IN ('send', 'next', 'claim', 'acknowledge', 'lock_owned', 'unblock', 'some', 'move', 'bury', 'end_leases')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off', one);
    END LOOP;
END $$;
