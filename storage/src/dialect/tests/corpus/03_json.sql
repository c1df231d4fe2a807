CREATE TABLE d (id INTEGER PRIMARY KEY, doc TEXT NOT NULL)

INSERT INTO d VALUES (1, '{"a": 1, "b": [1, 2.5, "x", null, true], "c": {"d e": "f"}}'), (2, '[]'), (3, '{"a": "1"}')

SELECT id, doc -> '$.b', doc ->> '$.a', doc -> 'c', doc ->> '$.b[1]', json_extract(doc, '$.b[#-1]') FROM d ORDER BY id

SELECT id, typeof(doc ->> 'a'), doc ->> 'a' = 1, doc ->> 'a' = '1', CAST(doc ->> 'a' AS INTEGER) + 1 FROM d ORDER BY id

SELECT json(' { "z" : 1 , "a" : [ 1 , " x y " ] } '), json_valid('{"a"'), json_valid('[1]'), json_type('[1.5]', '$[0]')

SELECT json_array(1, 'two', 3.5, NULL, json('[4]')), json_object('k', 'v"q', 'n', json_array()), json_quote('a\b')

SELECT json_array_length(doc -> '$.b'), json_array_length(doc), json_type(doc), json_type(doc, '$.c') FROM d ORDER BY id

SELECT key, value, type, fullkey FROM json_each('{"a": 1, "b": [2], "c": null, "d": false}') ORDER BY key

SELECT d.id, j.value FROM d JOIN json_each(d.doc, '$.b') AS j WHERE j.value > 1 ORDER BY d.id, j.key

-- with '[1, 3]'
SELECT id FROM d WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id

SELECT json_group_array(id ORDER BY id DESC), json_group_object(CAST(id AS TEXT), doc -> 'a' ORDER BY id) FROM d

SELECT json_set(doc, '$.a', 2) FROM d

-- refused path of a change
SELECT json_set(doc, '$.' || id, 2) FROM d

-- refused \u
SELECT json_set('{"\u00e9": 1}', '$.a', 2)
