CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)

INSERT INTO a (x) VALUES ('one')

SELECT last_insert_rowid()

INSERT INTO a (id, x) VALUES (10, 'ten')

INSERT INTO a VALUES (NULL, 'eleven')

SELECT last_insert_rowid()

-- with NULL | 'twelve'
INSERT INTO a (id, x) VALUES (?1, ?2) RETURNING id, x

INSERT INTO a (x) SELECT x || '!' FROM a WHERE id = 1

INSERT INTO a DEFAULT VALUES

UPDATE a SET x = 'changed' WHERE id > 10

SELECT changes()

SELECT rowid, _rowid_, oid, a.rowid, x FROM a ORDER BY rowid

CREATE TABLE plain (name TEXT PRIMARY KEY)

-- refused no INTEGER PRIMARY KEY
SELECT rowid FROM plain
