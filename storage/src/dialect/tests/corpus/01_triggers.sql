CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, likes INTEGER NOT NULL DEFAULT 0)

CREATE TABLE log (id INTEGER PRIMARY KEY, note_id INTEGER, what TEXT)

CREATE TABLE totals (name TEXT PRIMARY KEY, amount INTEGER NOT NULL)

INSERT INTO totals VALUES ('notes', 0)

CREATE TRIGGER count_up AFTER INSERT ON notes BEGIN
    UPDATE totals SET amount = amount + 1 WHERE name = 'notes';
    INSERT INTO log (note_id, what) VALUES (new.id, 'made ' || new.body);
END

CREATE TRIGGER count_down AFTER DELETE ON notes FOR EACH ROW WHEN old.likes > 0 BEGIN
    UPDATE totals SET amount = amount - 1 WHERE name = 'notes';
    INSERT INTO log (note_id, what) SELECT old.id, name FROM totals;
END

CREATE TRIGGER guard BEFORE UPDATE OF likes ON notes BEGIN
    SELECT RAISE(ABORT, 'likes only grow') WHERE new.likes < old.likes;
END

INSERT INTO notes (body) VALUES ('a'), ('b'), ('c')

UPDATE notes SET likes = likes + id WHERE id > 1

-- fails
UPDATE notes SET likes = 0

DELETE FROM notes

SELECT * FROM totals ORDER BY name

SELECT * FROM log ORDER BY id

-- refused reads or changes its own table
CREATE TRIGGER own AFTER INSERT ON notes BEGIN UPDATE notes SET likes = 1; END

DROP TRIGGER count_up

DROP TRIGGER IF EXISTS absent

INSERT INTO notes (body) VALUES ('d')

SELECT amount FROM totals
