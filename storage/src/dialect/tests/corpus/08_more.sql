CREATE TABLE "Order" ([key] TEXT, `group` INTEGER, "from" REAL DEFAULT 1.5, total INTEGER GENERATED ALWAYS AS ("group" * 2) VIRTUAL, PRIMARY KEY ([key], "group")) WITHOUT ROWID

INSERT INTO "order" (key, "group") VALUES ('a', 1), ('A', 1), ('b', 2)

SELECT o."KEY", o.[group] AS "Group", `from`, total /* a comment */ FROM "ORDER" AS o -- another
ORDER BY o.key COLLATE NOCASE DESC, o.key

-- fails
INSERT INTO "order" (key, "group") VALUES ('a', 1)

CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE NOT NULL, CHECK (code <> 'no' AND length(code) < 9))

CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES parent (code) ON UPDATE CASCADE ON DELETE SET NULL, pid INTEGER NOT NULL REFERENCES parent ON DELETE CASCADE, ok BOOLEAN DEFAULT TRUE, CONSTRAINT positive CHECK (pid > 0))

INSERT INTO parent VALUES (1, 'one'), (2, 'two')

INSERT INTO child (code, pid) VALUES ('one', 1), ('two', 1), (NULL, 2)

-- fails
INSERT INTO parent VALUES (3, 'no')

-- fails
INSERT INTO child (code, pid) VALUES ('missing', 1)

UPDATE parent SET code = 'uno' WHERE id = 1

SELECT * FROM child ORDER BY id

DELETE FROM parent WHERE id = 2

SELECT id, code, pid, ok, ok = TRUE, ok IS TRUE, NOT ok FROM child ORDER BY id

SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, NULL ISNULL, 1 NOTNULL, 5 BETWEEN 1 AND NULL, NULL IN (1), 1 IN (1, NULL), 2 NOT IN (1, NULL), 3 IN ()

SELECT 1 < 2 < 3, 3 > 2 > 1, 1 = 1 = 1, NOT 0 + 1, -2 * -3, 7 - 2 - 1, 2 + 3 * 4 % 5, 1 || (2 + 3), 'a' || 'b' LIKE 'AB', 5 & 3 = 1, 1 << 2 + 1, ~1 + 1, NOT 1 = 2

SELECT CASE WHEN 0.0 THEN 'a' WHEN '0' THEN 'b' WHEN 'x' THEN 'c' WHEN '1x' THEN 'd' END, CASE NULL WHEN NULL THEN 1 ELSE 2 END, CASE 'a' WHEN 'A' COLLATE NOCASE THEN 1 END

CREATE TABLE n (id INTEGER PRIMARY KEY, grp TEXT, v INTEGER, r REAL)

INSERT INTO n VALUES (1, 'a', 10, 0.5), (2, 'a', NULL, 1.5), (3, 'b', 30, NULL), (4, NULL, 40, 2.5), (5, 'B', 50, -1.0)

SELECT grp, count(*), count(v), sum(v), avg(v), total(r), min(grp), max(r), count(DISTINCT grp) FILTER (WHERE v > 10) FROM n GROUP BY grp ORDER BY grp

SELECT count(*), sum(v), avg(r), max(v), group_concat(v), total(v) FROM n WHERE id > 99

SELECT lower(grp) AS g, sum(v) FROM n GROUP BY g HAVING sum(v) > 10 ORDER BY g

SELECT lower(grp) || '!' AS g, count(*) FROM n GROUP BY lower(grp) ORDER BY 1

SELECT id, sum(v) OVER (PARTITION BY grp ORDER BY id ROWS UNBOUNDED PRECEDING) AS s, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, ntile(2) OVER w, last_value(v) OVER (w ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM n WINDOW w AS (ORDER BY grp, id) ORDER BY id

SELECT id FROM n WHERE v = (SELECT max(v) FROM n AS m WHERE m.grp IS n.grp) ORDER BY id

SELECT a.id, b.id FROM n a LEFT JOIN n b ON a.id = b.id + 1 AND b.v > 10 ORDER BY a.id, b.id

SELECT id, a.v, b.v FROM n a JOIN n b USING (id) WHERE a.v > 10 ORDER BY id

SELECT * FROM n NATURAL JOIN (SELECT id, 'x' AS tag FROM n WHERE id < 3) ORDER BY id

SELECT a.id AS x, b.id AS y FROM n a FULL JOIN child b ON a.id = b.id ORDER BY x, y

SELECT id FROM n UNION SELECT id + 3 FROM n INTERSECT SELECT 5 ORDER BY 1

SELECT v FROM n UNION ALL SELECT r FROM n ORDER BY 1

SELECT x, typeof(x) FROM (SELECT v AS x FROM n UNION ALL SELECT grp FROM n UNION ALL SELECT r FROM n) WHERE x > 1 ORDER BY x

WITH a AS (SELECT id, v FROM n), b(i, total) AS (SELECT id, v * 2 FROM a WHERE v IS NOT NULL) SELECT a.id, b.total FROM a LEFT JOIN b ON b.i = a.id ORDER BY a.id

WITH RECURSIVE fib(n, a, b) AS (VALUES (1, 0, 1) UNION ALL SELECT n + 1, b, a + b FROM fib WHERE n < 30) SELECT n, a FROM fib ORDER BY n DESC LIMIT 3

WITH up AS (SELECT id FROM n WHERE v > 30) UPDATE n SET grp = 'big' WHERE id IN (SELECT id FROM up) RETURNING id, grp

WITH old AS (SELECT id FROM n WHERE v IS NULL) DELETE FROM n WHERE id IN (SELECT id FROM old)

WITH more(a, b) AS (VALUES ('z', 1), ('y', 2)) INSERT INTO n (grp, v) SELECT a, b FROM more ORDER BY b RETURNING id, grp, r

CREATE UNIQUE INDEX n_grp ON n (grp) WHERE v < 5

INSERT INTO n (grp, v) VALUES ('z', 3) ON CONFLICT (grp) WHERE v < 5 DO UPDATE SET v = excluded.v + n.v RETURNING v

INSERT INTO n AS m (id, v) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET v = m.v + excluded.v, r = coalesce(r, 9.5) WHERE m.v > 1

-- with 2.5 | 2 | 'z'
UPDATE n SET r = :r, v = @v WHERE grp = $g OR v = @v

SELECT * FROM n ORDER BY id

SELECT EXISTS (SELECT 1 FROM n WHERE v > 1000), NOT EXISTS (SELECT 1 FROM n), (SELECT count(*) FROM n) > 3, (SELECT v FROM n WHERE id = 99) IS NULL

SELECT id FROM n ORDER BY (SELECT count(*) FROM n AS m WHERE m.v > n.v), id LIMIT 3 OFFSET 1

SELECT id FROM n ORDER BY CASE WHEN grp = 'b' THEN 0 ELSE 1 END, v DESC NULLS LAST, id

SELECT DISTINCT v / 20 AS d FROM n ORDER BY d DESC

SELECT n.*, n.id + 1 AS next FROM n WHERE (grp, v) = ('b', 30)

VALUES (1, 'a'), (2, NULL), (3, 2.5)

DROP INDEX n_grp

CREATE TABLE IF NOT EXISTS n (nothing_at_all TEXT)

CREATE VIEW big (id, double) AS SELECT id, v * 2 FROM n WHERE v > 10

SELECT b.double, sum(b.double) OVER (ORDER BY b.id) FROM big b JOIN n ON n.id = b.id ORDER BY b.id
