CREATE TABLE p (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES p (id), name TEXT NOT NULL, n INTEGER)

INSERT INTO p VALUES (1, NULL, 'root', 5), (2, 1, 'Left', 3), (3, 1, 'right', NULL), (4, 2, 'leaf', 3), (5, 2, 'Leaf', 1)

WITH RECURSIVE down(id, depth, path) AS (SELECT id, 0, name FROM p WHERE parent IS NULL UNION ALL SELECT p.id, depth + 1, path || '/' || p.name FROM p JOIN down ON p.parent = down.id) SELECT * FROM down ORDER BY path

WITH t(x) AS (VALUES (1), (2), (NULL)) SELECT x, x * 2 AS y FROM t WHERE y > 2 OR x IS NULL ORDER BY x

SELECT parent, count(*) AS c, max(name), group_concat(name, ', ' ORDER BY id) FROM p GROUP BY parent HAVING c > 1 ORDER BY parent

SELECT p.id, p.name, count(child.id) FROM p LEFT JOIN p AS child ON child.parent = p.id GROUP BY p.id ORDER BY p.id

-- refused neither in GROUP BY
SELECT parent, name FROM p GROUP BY parent

SELECT id, name, row_number() OVER (PARTITION BY parent ORDER BY name) AS r, sum(n) OVER (ORDER BY id) AS s, lag(name, 1, 'none') OVER (ORDER BY id) FROM p ORDER BY id

SELECT id, first_value(name) OVER w, nth_value(n, 2) OVER w FROM p WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) ORDER BY id

SELECT name FROM p UNION SELECT 'extra' EXCEPT SELECT 'leaf' ORDER BY name DESC

SELECT name FROM p ORDER BY name COLLATE NOCASE, id LIMIT 2 OFFSET 1

SELECT n FROM p ORDER BY n DESC NULLS LAST, id

-- with 2 | 1
SELECT id FROM p ORDER BY id LIMIT ? OFFSET ?

-- with -1 | -5
SELECT id FROM p ORDER BY id LIMIT :count OFFSET $start

SELECT (SELECT name FROM p AS up WHERE up.id = p.parent) AS up, id IN (SELECT parent FROM p WHERE parent IS NOT NULL), EXISTS (SELECT 1 FROM p AS c WHERE c.parent = p.id) FROM p ORDER BY id

-- refused more than one row
SELECT (SELECT name FROM p)

SELECT id FROM p WHERE (n, id) > (3, 2) ORDER BY id

UPDATE p SET n = q.total FROM (SELECT parent, sum(n) AS total FROM p GROUP BY parent) AS q WHERE q.parent = p.id RETURNING id, n

UPDATE p SET (name, n) = (upper(name), coalesce(n, 0) + 1) WHERE id = 3

INSERT INTO p (id, name) VALUES (3, 'x'), (9, 'nine') ON CONFLICT (id) DO UPDATE SET name = excluded.name || name, n = n + 1 WHERE id < 5

INSERT OR IGNORE INTO p (id, name) VALUES (1, 'again'), (10, NULL), (11, 'eleven')

SELECT * FROM p ORDER BY id

CREATE TABLE w2 (id INTEGER PRIMARY KEY)

INSERT INTO w2 VALUES (1), (4), (9)

UPDATE p SET n = (SELECT max(n) FROM p) + id WHERE id > 2

UPDATE p SET n = (SELECT count(*) FROM w2 WHERE w2.id > p.id)

UPDATE p SET n = n + 1 WHERE n < (SELECT avg(u.n) FROM p AS u WHERE u.id >= p.id) RETURNING id, n

DELETE FROM p WHERE id > 8 RETURNING id, name

CREATE VIEW leaves AS SELECT id, name AS Title FROM p WHERE id NOT IN (SELECT parent FROM p WHERE parent IS NOT NULL)

SELECT * FROM leaves ORDER BY id

CREATE TABLE w (word TEXT COLLATE NOCASE UNIQUE, n INTEGER)

INSERT INTO w VALUES ('Abc', 1), ('b', 2)

-- fails
INSERT INTO w VALUES ('aBC', 3)

INSERT INTO w VALUES ('ABC', 4) ON CONFLICT (word) DO UPDATE SET n = excluded.n

SELECT n, word = 'B', word FROM w WHERE word IN ('ABC', 'x') OR word > 'A' ORDER BY word

SELECT word FROM w WHERE json_object('k', 'ABC') ->> '$.k' >= word ORDER BY word

ALTER TABLE w ADD COLUMN extra REAL NOT NULL DEFAULT 0.5

ALTER TABLE w RENAME COLUMN n TO number

ALTER TABLE w RENAME TO words

SELECT word, number, extra FROM words ORDER BY number

ALTER TABLE words DROP COLUMN extra

DROP VIEW leaves

DROP TABLE words
