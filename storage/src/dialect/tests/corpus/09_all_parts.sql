CREATE TABLE s (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB)

INSERT INTO s VALUES (1, 7, 1.5, 'abc', x'0102'), (2, -7, -2.5, '12', NULL), (3, NULL, NULL, NULL, x'')

SELECT DISTINCT avg(t), total(t) FROM s

UPDATE s SET i = 1, t = 'x', i = 8 WHERE id = 1 RETURNING i, t

SELECT id IN (SELECT id FROM s WHERE i > 0) FROM s ORDER BY id

-- refused printf() has no %e here that both engines write alike
SELECT printf('%5.2f|%-8s|%08.3f|%e|%g|%G|%E', 3.14159, 'x', 2.5, 12345.678, 0.0001, 1e20, 0.5)

SELECT printf('%c%c', 'abc', 65)

-- refused printf() has no %* here that both engines write alike
SELECT printf('%*d|%.*f', 5, 42, 2, 3.14159)

-- refused printf() has no %# here that both engines write alike
SELECT printf('%#x|%#o|%!.3f|%lld|%p', 255, 8, 1.5, 99, 255)

-- refused arithmetic on text makes an integer or a real, by the value
SELECT printf('%s', i), printf('%d', t), printf('%s', b), printf('%s', r) FROM s ORDER BY id

SELECT printf('%d %s')

-- refused strftime() has no %J that both engines write alike
SELECT strftime('%J', '2024-01-01 12:00'), strftime('%Y-%m-%dT%H:%M:%fZ', '2024-05-06 07:08:09.1234')

-- refused the modifier 'floor' has no counterpart in Postgres
SELECT date('2024-01-31', '+1 month', 'floor'), date('2024-01-31', '+1 month', 'ceiling')

SELECT datetime('2024-01-31 10:00', '+00:30'), datetime('2024-01-31 10:00', '-1 days', '+2 hours', '-3.5 minutes', '+10.5 seconds')

-- refused the modifier +0001-02-03 04:05:06 has no counterpart in Postgres here
SELECT datetime('2024-01-31', '+0001-02-03 04:05:06'), date('2024-01-31', '+0001-02-03')

SELECT datetime('now', 'subsec') IS NOT NULL

SELECT unixepoch('2024-01-01 00:00:00.5', 'subsec'), datetime('2024-01-01 00:00:00.123', 'subsec')

-- refused timediff() has no counterpart in Postgres
SELECT timediff('2024-03-01', '2024-02-01')

SELECT julianday('2024-01-01') - julianday('2023-01-01'), julianday('now') > 2460000

-- refused the modifier 'utc' has no counterpart in Postgres
SELECT strftime('%s', 'now') = CAST(unixepoch() AS TEXT), date(unixepoch('2024-01-01'), 'unixepoch', 'utc')

SELECT date('2024-01-01', 'start of year', '+1 month', '-1 day'), datetime('2024-03-03 03:03:03', 'start of day'), date('2024-02-29', '+1 year')

SELECT strftime('%s', t) FROM s ORDER BY id

SELECT date(t) FROM s ORDER BY id

-- refused the format of strftime() is not a string
SELECT strftime(t, 'now') FROM s

SELECT id, i % 3, i / 2, -i % 3, i % -3, 5 % 0, 5.5 % 2, r / 2, i / 2.0, i % 2.9 FROM s ORDER BY id

-- refused bigint out of range
SELECT 9223372036854775807 * 2

SELECT 0x7fffffffffffffff, 0xffffffffffffffff, -0x10, 0XaB

-- refused bytes are not converted to text without being told
SELECT x'ABcd' || 'x', hex(x'00ff'), length(x'00ff00'), x'01' < x'02', typeof(x''), substr(x'010203', 2, 1), CAST(x'313233' AS INTEGER)

SELECT zeroblob(3), hex(zeroblob(2)), randomblob(2) IS NOT NULL

SELECT json_set('{"a":1}', '$.b', 2)

SELECT json_insert('{"a":1}', '$.a', 2), json_replace('{"a":1}', '$.a', 2), json_remove('{"a":1,"b":2}', '$.a')

SELECT json_patch('{"a":1}', '{"b":2}')

SELECT json_extract('{"a":1,"b":[1,2]}', '$.a', '$.b')

SELECT json_tree.key, json_tree.value, json_tree.type, json_tree.path, json_tree.fullkey FROM json_tree('{"a":[1,2],"b":{"c":null}}')

SELECT key, value FROM json_each('[10,20]') ORDER BY key DESC

SELECT '{"a":{"b":5}}' -> 'a' -> 'b', '{"a":{"b":"x"}}' ->> '$.a.b', '[1,2,3]' ->> 1, '[1,2]' -> -1

SELECT j.value ->> 'n' FROM json_each('[{"n":1},{"n":"two"}]') AS j ORDER BY j.key

SELECT json_group_array(i ORDER BY id), json_group_array(t ORDER BY id), json_group_object(id, t ORDER BY id) FROM s

-- refused json_pretty() with 1 arguments has no counterpart in Postgres that keeps the order of name
SELECT json_pretty('{"a":1}')

-- refused json_error_position() with 1 arguments has no counterpart in Postgres that keeps the order
SELECT json_error_position('{"a"')

SELECT json_each.value FROM s, json_each('[1,2]') WHERE s.id = json_each.value ORDER BY 1

SELECT json_valid('{}'), json_type('{"a":1.5}', '$.a'), json_array_length('[1,2,3]'), json_quote('x'), json('[1, 2]')

SELECT 'abc' GLOB 'a*', 'abc' GLOB '*[b-d]', 'abc' GLOB 'a?c', 'abc' NOT GLOB 'A*', 'a]c' GLOB 'a[]]c', 'abc' GLOB '[^a]*', t GLOB '1*' FROM s ORDER BY id

SELECT i, row_number() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id), lead(i, 2, -1) OVER (ORDER BY id), sum(i) FILTER (WHERE i > 0) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM s ORDER BY id

SELECT id, group_concat(t, '-') OVER (ORDER BY id), count(*) OVER () FROM s ORDER BY id

-- refused RANGE with a distance depends on how numbers are compared
SELECT id, sum(i) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM s ORDER BY id

-- refused ORDER BY and LIMIT inside of a recursive query
WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c WHERE x < 5 LIMIT 3) SELECT x FROM c ORDER BY x

-- refused ORDER BY and LIMIT inside of a recursive query
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5) SELECT count(*) FROM c

WITH RECURSIVE c(x, y) AS (SELECT 1, 'a' UNION ALL SELECT x + 1, y || 'b' FROM c WHERE x < 4) SELECT * FROM c ORDER BY x DESC

-- refused ORDER BY and LIMIT inside of a recursive query
WITH RECURSIVE t(id, p) AS (SELECT id, 0 FROM s WHERE id = 1 UNION ALL SELECT s.id, t.id FROM s JOIN t ON s.id = t.id + 1 ORDER BY 1) SELECT * FROM t ORDER BY id

-- refused a column of type ANY holds values of any kind
CREATE TABLE st (id INTEGER PRIMARY KEY, n INT NOT NULL, a ANY) STRICT

CREATE TABLE st2 (id INTEGER PRIMARY KEY, n INT NOT NULL, x REAL, t TEXT, b BLOB) STRICT

INSERT INTO st2 VALUES (1, 2, 3, 'x', x'00')

-- fails
INSERT INTO st2 VALUES (2, 'no', 3, 'x', x'00')

INSERT INTO st2 VALUES (3, '5', 3, 7, x'00')

SELECT * FROM st2 ORDER BY id

CREATE TABLE wr (a TEXT, b INTEGER, v REAL DEFAULT 1.5, PRIMARY KEY (a, b)) WITHOUT ROWID

CREATE TABLE wr2 (a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID

-- fails
INSERT INTO wr2 (b) VALUES ('x')

INSERT INTO wr2 VALUES (5, 'x')

-- refused a column without a type holds values of any kind
CREATE TABLE g (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c INTEGER AS (a * 2) STORED, d TEXT GENERATED ALWAYS AS (b || '!') VIRTUAL, e AS (a + 1))

CREATE TABLE g2 (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c INTEGER AS (a * 2) STORED, d TEXT GENERATED ALWAYS AS (b || '!') VIRTUAL)

INSERT INTO g2 (a, b) VALUES (1, 'x'), (NULL, 'y') RETURNING *

CREATE INDEX g2_c ON g2 (c DESC, lower(b))

CREATE UNIQUE INDEX g2_u ON g2 (a, lower(b)) WHERE a IS NOT NULL

CREATE INDEX IF NOT EXISTS g2_c ON g2 (a)

-- refused an expression or a collation in a conflict's columns
INSERT INTO g2 (a, b) VALUES (1, 'X') ON CONFLICT (a, lower(b)) WHERE a IS NOT NULL DO NOTHING

INSERT INTO g2 (a, b) VALUES (1, 'X') ON CONFLICT DO NOTHING

SELECT * FROM g2 ORDER BY id

-- refused ON CONFLICT DO UPDATE command cannot affect row a second time
INSERT OR REPLACE INTO wr VALUES ('a', 1, 2.5), ('a', 1, 3.5)

INSERT OR REPLACE INTO wr VALUES ('a', 1, 2.5)

INSERT OR REPLACE INTO wr (a, b) VALUES ('a', 1)

SELECT * FROM wr ORDER BY a

-- fails
INSERT OR ABORT INTO wr VALUES ('a', 1, 2.5)

-- refused OR ROLLBACK and OR FAIL end a statement half-way, which Postgres does not
INSERT OR FAIL INTO wr VALUES ('b', 1, 2.5)

-- refused OR ROLLBACK and OR FAIL end a statement half-way, which Postgres does not
INSERT OR ROLLBACK INTO wr VALUES ('c', 1, 2.5)

REPLACE INTO wr VALUES ('d', 1, 2.5)

SELECT * FROM s ORDER BY id LIMIT 1, 1

SELECT id FROM s ORDER BY id LIMIT 2 OFFSET 1

SELECT id FROM s ORDER BY id LIMIT -1 OFFSET 1

SELECT id FROM s ORDER BY id LIMIT 1 + 1

SELECT id FROM s ORDER BY id LIMIT (SELECT count(*) FROM s) - 1

SELECT id FROM s ORDER BY id LIMIT '2'

SELECT id FROM s ORDER BY i ASC, id

SELECT id FROM s ORDER BY i DESC, id

SELECT id FROM s ORDER BY i NULLS LAST, id

SELECT id FROM s ORDER BY i IS NULL, i

SELECT typeof(id), typeof(i), typeof(r), typeof(t), typeof(b), typeof(i || ''), typeof(sum(i) OVER ()) FROM s ORDER BY id

SELECT quote(t), quote(i), quote(b), quote(NULL), quote('a''b') FROM s ORDER BY id

SELECT round(2.567, 2), round(-1.5), round(2.5), round(1234.5, -2), round(NULL), round('3.7')

-- fails
SELECT abs(-5), abs('x'), abs(NULL), abs(-9223372036854775808)

-- refused arithmetic on text makes an integer or a real, by the value
SELECT sign(-3), sign(0), sign(2.5), sign('x')

-- refused no function unhex() with 1 arguments that both engines have
SELECT instr('abc', 'c'), instr('abc', ''), instr(x'010203', x'02'), unhex('abcd'), soundex('abc')

SELECT min(1, 2.5), max('a', 'b', 'c'), min(NULL, 1), max(i, r) FROM s ORDER BY id

SELECT iif(1, 'a', 'b'), iif(0, 'a'), nullif(1, 1), ifnull(NULL, 2), coalesce(NULL, NULL, 'x')

-- refused total_changes() has no counterpart in Postgres
SELECT last_insert_rowid(), changes(), total_changes()

-- refused a cast to NUMERIC makes an integer or a real, by the value
SELECT CAST('0x10' AS INTEGER), CAST('1e2' AS INTEGER), CAST('abc' AS REAL), CAST(1.0 AS TEXT), CAST(1e20 AS INTEGER), CAST('9223372036854775808' AS INTEGER), CAST(NULL AS TEXT), CAST('5' AS NUMERIC), CAST(x'41' AS TEXT)

-- refused a cast to NUMERIC makes an integer or a real, by the value
SELECT CAST(i AS NUMERIC), CAST(i AS VARCHAR(3)), CAST(r AS INT), CAST(r AS BOOLEAN) FROM s ORDER BY id

UPDATE s SET r = q.x FROM (SELECT id AS k, i * 1.5 AS x FROM s) AS q WHERE q.k = s.id AND q.x IS NOT NULL

UPDATE s SET (i, r) = (SELECT 5, 6.5) WHERE id = 3

DELETE FROM s AS d WHERE d.id = 3 RETURNING *

SELECT * FROM s ORDER BY id

SELECT s.*, g2.id AS gid FROM s, g2 WHERE s.id = g2.id ORDER BY 1

SELECT t.id FROM (s AS t JOIN g2 USING (id)) ORDER BY 1

SELECT count(*) FROM s LEFT OUTER JOIN g2 ON s.id = g2.a RIGHT JOIN wr ON wr.b = s.id

SELECT id FROM s WHERE (id, t) IN (SELECT id, t FROM s) ORDER BY id

SELECT id FROM s WHERE (id, i) IN (VALUES (1, 8), (2, -7)) ORDER BY id

SELECT id, t FROM s WHERE t LIKE '%?' ESCAPE '\' OR t LIKE 'X%' ORDER BY id

SELECT id FROM s GROUP BY 1 HAVING count(*) = 1 ORDER BY 1

-- refused the column t is neither in GROUP BY nor in an aggregate function
SELECT max(id), t FROM s

-- refused the column id is neither in GROUP BY nor in an aggregate function
SELECT id, max(i) FROM s GROUP BY t

SELECT id % 2 AS k, count(*) FROM s GROUP BY k ORDER BY k

SELECT 'a' 'b'

-- fails
SELECT "s"."id" FROM "s" INDEXED BY nothing

SELECT id FROM s NOT INDEXED ORDER BY id

SELECT 1 AS "A b", 2 AS [c d], 3 AS 'e f', 4 `g`

SELECT TRUE + 1, NOT TRUE, FALSE IS FALSE, 5 IS TRUE, 'x' IS NOT TRUE

SELECT CASE id WHEN 1 THEN 'one' WHEN 2 THEN 2 ELSE NULL END FROM s ORDER BY id

-- refused a query that is a value has one column
SELECT EXISTS(SELECT 1), (SELECT 1, 2) = (1, 2)

SELECT substring('hello', 2), concat('a', 1, NULL, 2.5), concat_ws(',', 1, 'x'), string_agg(t, '+' ORDER BY id) FROM s

SELECT likely(1), unlikely(0), likelihood(1, 0.5)

-- fails
SELECT id FROM s WHERE t REGEXP 'a'

SELECT abs(random()) >= 0, typeof(random())

INSERT INTO s (t) VALUES ('z') RETURNING id, typeof(id), t || '!', (SELECT 5)

INSERT INTO s (id, t) SELECT id + 100, t FROM s WHERE id < 3 ON CONFLICT DO NOTHING

INSERT INTO s (id, t) SELECT id, t FROM s WHERE true ON CONFLICT (id) DO UPDATE SET t = excluded.t || s.t

INSERT INTO s (id, i) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET i = CASE WHEN excluded.i > s.i THEN excluded.i ELSE s.i END, t = coalesce(excluded.t, t) RETURNING *

SELECT * FROM s ORDER BY id

-- refused a column without a type holds values of any kind
CREATE TABLE anytype (id INTEGER PRIMARY KEY, v)

-- refused SQLite keeps integers, reals and text in a column of type NUMERIC
CREATE TABLE num (id INTEGER PRIMARY KEY, v NUMERIC)

-- refused SQLite keeps text or numbers in a column of type DATE
CREATE TABLE bl (id INTEGER PRIMARY KEY, ok BOOLEAN, d DATE)

-- refused virtual tables, such as those of fts5, have no counterpart in Postgres
CREATE VIRTUAL TABLE docs USING fts5(title, body)

-- refused virtual tables, such as those of rtree, have no counterpart in Postgres
CREATE VIRTUAL TABLE geo USING rtree(id, a, b)

-- fails
SELECT * FROM docs WHERE docs MATCH 'x'

-- fails
SELECT highlight(docs, 0, '<', '>') FROM docs

CREATE TABLE au (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT CHECK (length(x) < 5) COLLATE NOCASE, y INTEGER DEFAULT (1 + 2), z TEXT DEFAULT CURRENT_TIMESTAMP, UNIQUE (x, y))

INSERT INTO au (x) VALUES ('a'), ('b')

SELECT id, x, y, length(z) FROM au ORDER BY id

SELECT id, x FROM au WHERE x = 'A' OR x LIKE 'B' ORDER BY x COLLATE NOCASE

ALTER TABLE au ADD COLUMN w INTEGER REFERENCES s (id)

ALTER TABLE au ADD COLUMN vv TEXT NOT NULL DEFAULT 'd'

CREATE TRIGGER au_up AFTER UPDATE OF y ON au FOR EACH ROW WHEN new.y > old.y BEGIN INSERT INTO wr (a, b) VALUES (new.x, new.id); END

-- fails
UPDATE au SET y = y + 1

SELECT * FROM wr ORDER BY a, b

CREATE VIEW v1 AS SELECT id, x || '-' || y AS label FROM au

SELECT label FROM v1 WHERE id = 1

-- refused INSTEAD OF: a view is not changed
CREATE TRIGGER v1_in INSTEAD OF INSERT ON v1 BEGIN INSERT INTO au (x) VALUES (new.label); END

DROP VIEW IF EXISTS v1

SELECT * FROM (VALUES (1, 'a'), (2, 'b')) ORDER BY column1

SELECT column1 + 1 FROM (VALUES (1), (2)) AS v ORDER BY 1

SELECT DISTINCT i FROM s ORDER BY i

SELECT id FROM s UNION ALL SELECT 99 ORDER BY 1 LIMIT 2

SELECT sum(i), i FROM s GROUP BY i ORDER BY i

-- refused arithmetic on text makes an integer or a real, by the value
SELECT unixepoch('now') - strftime('%s', 'now') = 0

SELECT strftime('%Y', 'now') = strftime('%Y'), date() = date('now')

SELECT octet_length('é'), unicode('é'), char(72, 105), trim('..a..', '.'), replace('abc', 'b', ''), upper('abc'), hex(255)

SELECT json_set('{"a":1,"b":[1,2]}', '$.a', 2, '$.b[#]', 'x', '$.c.d', json('[1]'), '$.b[0]', 2.5)

SELECT json_set('[]', '$[0].a', NULL), json_set('{"a":{}}', '$.a."x y"', 'q"q'), json_set('1', '$', 2), json_set('[1,2]', '$[5]', 9), json_set('{"a":[1]}', '$.a.b', 1)

SELECT json_insert('{"a":1}', '$.b', json('{"c": 2}')), json_replace('{"a":1}', '$.b', 2), json_insert('[1,2]', '$[#-1]', 9), json_replace('[1,2]', '$[#-1]', 9), json_set('{"a":1}', '$.b[0]', 'n')

SELECT json_remove('{"a":1,"b":[1,2,3]}', '$.b[1]'), json_remove('{"a":1}', '$.x', '$.a'), json_remove('{"a":1}'), json_remove('[0,1,2]', '$[#-1]', '$[0]'), json_remove('{"a":1}', '$')

SELECT json_patch('{"a":1,"b":{"c":2,"d":3}}', '{"a":null,"b":{"c":null,"e":{"f":null,"g":1}},"z":[1,null]}'), json_patch('[1]', '{"a":1}'), json_patch('{"a":1}', '5')

SELECT json_extract('{"a":1,"b":[1, 2]}', '$.b', '$.nope', '$.a'), json_extract(NULL, '$.a', '$.b'), typeof(json_extract('{"a":null}', '$.a'))

SELECT json_set(t, '$.a', i) FROM (SELECT '{}' AS t, 5 AS i UNION ALL SELECT NULL, 6) ORDER BY 1

UPDATE s SET t = json_set('{"n":1}', '$.n', i, '$.t', t) WHERE id = 1 RETURNING t

SELECT key, value, type, atom, fullkey, path FROM json_tree('{"a":[1,{"b":null}],"c d":"x","e":2.5,"f":true}')

SELECT fullkey FROM json_tree('[1,[2,[3]]]') WHERE atom > 1

SELECT key, type, path FROM json_tree('5')

SELECT json_group_object(t, id), json_group_array(json_object('id', id)) FROM (SELECT id, t FROM s ORDER BY id) WHERE t IS NOT NULL

SELECT length(randomblob(40)), typeof(randomblob(4)), length(hex(randomblob(16))), randomblob(8) <> randomblob(8), length(randomblob(0))

SELECT (id, i) IN (SELECT 1, 8), (id, t) NOT IN (SELECT id, t FROM s WHERE id < 3) FROM s ORDER BY id

-- refused other kinds
SELECT (id, t) IN (SELECT t, id FROM s) FROM s

UPDATE s SET (i, t) = (SELECT count(*), max(b) || 'x' FROM g2), r = 2 WHERE id = 2 RETURNING i, t, r

SELECT unixepoch('2024-01-01 00:00:00.25', 'subsec'), time('10:11:12.5', 'subsec'), datetime('2024-01-01', 'subsec', '+1 day'), date('2024-01-01', 'subsec'), unixepoch('subsec') > 1e9

SELECT i FROM s WHERE t IN (SELECT value FROM json_each('["x", 5]')) ORDER BY i

SELECT group_concat(t) FROM (SELECT t FROM s ORDER BY id DESC)

SELECT count(*), s.id IN (1, 2) AS k FROM s GROUP BY k ORDER BY k DESC
