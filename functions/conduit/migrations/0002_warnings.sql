-- When the operator was last warned of something, in seconds since 1970: an instance knows of no other instance.
CREATE TABLE warnings (
    name TEXT PRIMARY KEY,
    given_at INTEGER NOT NULL
);
