SELECT substr('ABC', -4000000001), substr('ABC', -2, 9223372036854775807), substr(x'414243', -5), substr('ABC', 5), substr('ABC', -9223372036854775807)

CREATE TABLE a (ID INTEGER PRIMARY KEY, t TEXT COLLATE NOCASE, r REAL, b BLOB)

INSERT INTO a VALUES (1, 'Abc', 0.5, x''), (2, 'aBC', 1.5, x'ff'), (3, NULL, -0.25, NULL)

SELECT printf('%-6s|%6s|%5d', 'é', 'ß', -3), (0.5 / 1.5) || '', CAST(r / 1.5 AS TEXT) FROM a ORDER BY id

SELECT substr(b, 1, 1) AS c, id FROM a ORDER BY 1 DESC, 2

SELECT CAST(r AS TEXT) FROM a UNION SELECT '~' ORDER BY 1

SELECT q.id, rowid FROM (SELECT id, rowid FROM a) q ORDER BY q.id

SELECT iif(t = 'ABC' COLLATE NOCASE, 'b', t) AS c FROM a WHERE t NOT NULL ORDER BY c DESC, id

-- refused neither in GROUP BY
SELECT CASE WHEN t = 'x' COLLATE NOCASE THEN t ELSE r END AS v FROM a GROUP BY v

-- refused take one of several spellings
SELECT max(t, 'b') FROM a

-- fails
SELECT id FROM a GROUP BY -(10)

SELECT abs(-(0.0)), -(0.0), strftime('%Y', '0000-01-01', '-1 day'), date('0000-01-01', '-1 day')

-- with 100
SELECT nullif(?1, id), CASE id WHEN ?1 THEN ?1 END FROM a ORDER BY id

INSERT OR IGNORE INTO a (id, t) VALUES (1, 'again'), (NULL, 'new')

SELECT id FROM a WHERE b IN () OR b NOT IN () ORDER BY id

SELECT rtrim(t) FROM a WHERE id = 1 UNION ALL SELECT t FROM a WHERE id = 4 UNION ALL SELECT 'abd' ORDER BY 1 DESC

CREATE TABLE cased (ID INTEGER PRIMARY KEY, Name TEXT)

CREATE VIEW shown AS SELECT id, name AS n FROM cased

-- refused may show the column
ALTER TABLE cased RENAME COLUMN id TO id

ALTER TABLE cased RENAME COLUMN ID TO ID

ALTER TABLE cased RENAME COLUMN name TO title

SELECT * FROM shown

SELECT * FROM cased
