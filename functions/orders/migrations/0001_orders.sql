CREATE TABLE orders (
    id TEXT PRIMARY KEY NOT NULL,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    -- How far it is: `placed`, `reserved`, `charged`, `shipped`; or `refused`, or `failing` and then `cancelled`.
    status TEXT NOT NULL
);

CREATE INDEX orders_by_status ON orders (status);

CREATE TABLE stock (
    item TEXT PRIMARY KEY NOT NULL,
    amount INTEGER NOT NULL
);

INSERT INTO stock (item, amount) VALUES ('lamp', 1000), ('mirror', 1);

-- What of the stock is somebody's. What is left is computed, so that a reservation that is made or released twice counts once.
CREATE TABLE reservations (
    order_id TEXT PRIMARY KEY NOT NULL,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL
);

CREATE INDEX reservations_by_item ON reservations (item);

-- Events that are sent if and only if the transaction that inserts them is committed.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT,
    time TEXT,
    datacontenttype TEXT,
    data BLOB,
    traceparent TEXT
);
