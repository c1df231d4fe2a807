-- Enough rows to feel what an index does.

INSERT INTO customers (id, name, email, city, joined_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
SELECT i, 'Customer ' || i, 'Customer' || i || '@Example.com', 'City ' || (i % 20), i * 7919 % 100003 FROM n;

INSERT INTO products (id, name, price)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
SELECT i, 'Product ' || i, i % 100 FROM n;

INSERT INTO orders (id, customer_id, total)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
SELECT i, i % 20000 + 1, i % 500 FROM n;

INSERT INTO reviews (id, product_id, stars, made_at, body)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
SELECT i, i % 10000 + 1, i % 5 + 1, i, 'Review ' || i FROM n;

INSERT INTO baskets (id, owner)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
SELECT i, 'Customer ' || i FROM n;

INSERT INTO basket_items (id, basket_id, product_id)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
SELECT i, i % 10000 + 1, i % 2000 + 1 FROM n;

INSERT INTO visits (id, page, seconds)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
SELECT i, '/products/' || i, i % 60 FROM n;

INSERT INTO visit_totals (id, seconds) SELECT 1, sum(seconds) FROM visits;

INSERT INTO manuals (id, product_id, body)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
SELECT i, i % 10, replace('..................................................', '.', 'Turn it off, wait, and turn it on again. ') FROM n;

INSERT INTO accounts (id, balance)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
SELECT i, 1000 FROM n;
