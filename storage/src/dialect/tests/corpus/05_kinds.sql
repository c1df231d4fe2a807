CREATE TABLE k (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB)

INSERT INTO k VALUES (1, '12', '1.5', 12, x'00'), (2, 3.0, 2, 'abc', NULL), (3, -1, -0.5, '', x'ff')

-- refused cannot hold
INSERT INTO k (i) VALUES ('abc')

-- refused cannot hold
INSERT INTO k (i) VALUES (1.5)

-- refused cannot hold
INSERT INTO k (b) VALUES ('text')

SELECT i / 0, i % 0, r / 0, 1 / 2, -7 / 2, -7 % 3, 7.5 % 2, 1 / 2.0 FROM k ORDER BY id

SELECT 1 = 1.0, '1' = 1, 'a' = 'A', 'a' = 'A' COLLATE NOCASE, NULL = NULL, NULL IS NULL, 1 IS NOT 2, x'61' = 'a', 2 > 'a'

SELECT i = '12', t = 12, i = t, '12' = i, t > 5, i < 'x', r = '1.5' FROM k ORDER BY id

-- with '12' | 12
SELECT id, i = ?1, t = ?2, t = ?1 FROM k ORDER BY id

SELECT id FROM k WHERE t OR i ORDER BY id

SELECT typeof(i), typeof(r), typeof(t), typeof(b), typeof(i + r), typeof(i > 1), typeof(NULL), typeof(b IS NULL) FROM k ORDER BY id

SELECT CAST('12abc' AS INTEGER), CAST('1e3x' AS REAL), CAST(1.9 AS INTEGER), CAST(12 AS TEXT), CAST(x'6162' AS TEXT), CAST('é' AS BLOB), CAST('' AS INTEGER), CAST(2.0 AS TEXT)

SELECT coalesce(i, t), iif(id = 1, i, t), CASE WHEN id > 1 THEN r ELSE i END FROM k ORDER BY id

SELECT max(i, 5), min(r, 1.0), max('a', 'B'), min(1, NULL), max(1, 2.5, 'x') FROM k ORDER BY id

SELECT 9223372036854775807, -9223372036854775808, 0x1F, 1e3, .5, 1_000, x'', TRUE, FALSE, 4000000000 + 4000000000

-- refused out of range
SELECT 9223372036854775807 + 1

SELECT 0.1 + 0.2, 1e100 || '', (1.0 / 3) || '', 100.0 || '', 1e15 || '', 1e16 || '', 1e17 || '', 1.5e-7 || '', 123456.789 || ''

SELECT round(2.5), round(-2.5), round(1.005, 2), round(7), abs(-3), abs(-1.5), sign(-2), total(i), avg(i), sum(r) FROM k

SELECT i & 3, i | 1, ~i, i << 2, i >> 1, 1 << 63, -1 >> 70, 1 << -1 FROM k ORDER BY id

SELECT 'a' LIKE 'A', 'É' LIKE 'é', 'a_c' LIKE 'a\_c' ESCAPE '\', 'a%b' LIKE 'a%%b', 12 LIKE '1%', 'x' GLOB '[a-y]', 'X' GLOB 'x', 'a.c' GLOB 'a.?'

SELECT substr('héllo', 2, 3), substr('abc', -2), substr('abc', 0, 2), substr('abc', 2, -1), instr('hello', 'l'), length('é'), length(x'0001'), hex('é'), hex(12), quote('it''s'), unicode('é'), char(233, 65)

SELECT upper('aé'), lower('AÉ'), trim('  x '), trim('xxaxx', 'x'), replace('aaa', 'a', 'bb'), ltrim('ab', 'a'), 'a' || NULL, 1 || 2, concat('a', NULL, 1), concat_ws('-', 'a', NULL, 'b')

-- refused %g
SELECT printf('%g', 1.5)

SELECT printf('%c|%3c|%-4.2c|', 'xyz', 'é', 7)

SELECT printf('%d|%5d|%-5d|%05d|%+d|%x|%X|%o', 1, 2, 3, 4, 5, 255, 255, 8), format('%s|%10s|%-10s|%.2s|%q|%Q|%%', 'a', 'b', 'c', 'def', 'it''s', NULL), printf('%.2f|%8.3f|%,d|%f', 1.005, 3.14159, 1234567, 2)

-- with 12
SELECT id, coalesce(nullif(?1, i), ?1), ?1 || t FROM k WHERE i <> ?1 ORDER BY id

-- with NULL
SELECT id, coalesce(nullif(?1, i), ?1, 5), ?1 || t FROM k WHERE i <> ?1 OR ?1 IS NULL ORDER BY id
