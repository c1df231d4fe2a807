-- The tables of a shop. What is wrong with their indexes is wrong on purpose.

CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    city TEXT NOT NULL,
    joined_at INTEGER NOT NULL
);

CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    price INTEGER NOT NULL
);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    total INTEGER NOT NULL
);

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL,
    stars INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    body TEXT NOT NULL
);

-- Somebody made an index for each report.
CREATE INDEX reviews_by_stars ON reviews (stars);
CREATE INDEX reviews_by_stars_and_time ON reviews (stars, made_at);
CREATE INDEX reviews_by_stars_time_and_product ON reviews (stars, made_at, product_id);
CREATE INDEX reviews_by_stars_time_product_and_body ON reviews (stars, made_at, product_id, body);
CREATE INDEX reviews_by_all ON reviews (stars, made_at, product_id, body, id);

CREATE TABLE baskets (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL
);

CREATE TABLE basket_items (
    id INTEGER PRIMARY KEY,
    basket_id INTEGER NOT NULL REFERENCES baskets (id) ON DELETE CASCADE,
    product_id INTEGER NOT NULL
);

CREATE TABLE visits (
    id INTEGER PRIMARY KEY,
    page TEXT NOT NULL,
    seconds INTEGER NOT NULL
);

CREATE TABLE visit_totals (
    id INTEGER PRIMARY KEY,
    seconds INTEGER NOT NULL
);

CREATE TABLE stock_changes (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    reason TEXT NOT NULL
);

-- Nobody asks by these.
CREATE INDEX stock_changes_by_amount ON stock_changes (amount);
CREATE INDEX stock_changes_by_reason ON stock_changes (reason);

CREATE TABLE manuals (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL,
    body TEXT NOT NULL
);

CREATE INDEX manuals_by_product ON manuals (product_id);

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    balance INTEGER NOT NULL
);
