SELECT date('2024-01-31', '+1 month'), date('2024-01-31', '-1 month', 'start of month'), time('12:00', '+90 seconds')

SELECT datetime(0, 'unixepoch'), datetime(1700000000, 'unixepoch', '+1 day'), date(2460000.5), datetime('1700000000', 'unixepoch')

SELECT unixepoch('2024-02-29 12:34:56'), julianday('2024-02-29 12:34:56'), unixepoch('1969-12-31 23:59:59')

SELECT strftime('%Y/%m/%d %H-%M-%S %f %j %w %u %W %s %p %I %%', '2024-07-04 15:06:07.089')

SELECT strftime('%G-W%V', '2024-12-30'), strftime('%U', '2024-01-07'), strftime('%e|%k|%l', '2024-01-07 03:00')

SELECT date('nonsense'), date(NULL), date('2024-13-01'), date('2024-02-30'), datetime('2024-01-01 25:00')

SELECT date('2024-05-05', 'weekday 0'), date('2024-05-05', 'weekday 3'), date('2024-05-05', '+1 year', '-2 days')

SELECT datetime('2024-01-01T10:00:00+02:00'), datetime('2024-01-01 10:00:00.999'), time('10:11:12.5')

SELECT datetime('now') = CURRENT_TIMESTAMP, date('now') = CURRENT_DATE, length(CURRENT_TIME)

-- with 1700000000 | '2024-03-01'
SELECT datetime(?1, 'unixepoch'), date(?2, '+' || 3 || ' days'), unixepoch(?2)

-- with 1.5
SELECT julianday(?1), date(?1)

-- refused localtime
SELECT datetime('2024-01-01', 'localtime')

CREATE TABLE at (id INTEGER PRIMARY KEY, made TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, day TEXT DEFAULT (date('now')))

INSERT INTO at (id) VALUES (1)

SELECT count(*), length(made), day = date('now') FROM at WHERE made <= datetime('now', '+1 minute') GROUP BY id
