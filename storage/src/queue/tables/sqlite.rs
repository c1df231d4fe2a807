//! The statements of queues in SQLite. Each that changes something does so as a whole.

use std::fmt::Write as _;

use super::Statements;
use crate::queue::limits::SAME_MESSAGE;

/// The tables and their triggers. The word `SAME_MESSAGE` stands for that time.
const SCHEMA: &str = include_str!("sqlite.sql");

/// Milliseconds since 1970.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

pub(super) const ROOM: &str = "SELECT coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM queues \
     WHERE name IN (?1, ?1 || '.dead')";
const JOIN: &str = concat!(
    "INSERT INTO owners (name, until) VALUES (?1, ",
    now!(),
    " + ?2)"
);
const RENEW: &str = concat!(
    "UPDATE owners SET until = ",
    now!(),
    " + ?2 WHERE name = ?1 AND until > ",
    now!(),
    " RETURNING 1"
);
const LEAVE: &str = "DELETE FROM owners WHERE name = ?1";
const OLD: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM owners WHERE until <= ",
    now!(),
    "), EXISTS (SELECT 1 FROM accepted WHERE until <= ",
    now!(),
    ")"
);
const END_LEASES: &str = concat!("DELETE FROM owners WHERE until <= ", now!());
const FORGET: &str = concat!(
    "DELETE FROM accepted WHERE id IN (SELECT id FROM accepted WHERE until <= ",
    now!(),
    " LIMIT ?1) RETURNING 1"
);
const NEXT: &str = concat!(
    "SELECT max(min(due) - ",
    now!(),
    ", 0), 0 FROM messages WHERE queue = ?1 AND owner IS NULL AND blocked = 0"
);
/// Messages in the order in which they are due, for as long as their bytes together are few.
const CLAIM: &str = concat!(
    "UPDATE messages SET owner = ?1, claim = ?5, attempts = attempts + 1 WHERE number IN (",
    "SELECT number FROM (",
    "SELECT number, sum(octet_length(head) + octet_length(data)) OVER (ORDER BY due, number) AS bytes, ",
    "row_number() OVER (ORDER BY due, number) AS place FROM (",
    "SELECT number, due, head, data FROM messages ",
    "WHERE queue = ?2 AND owner IS NULL AND blocked = 0 AND due <= ",
    now!(),
    " ORDER BY due, number LIMIT ?3)) WHERE bytes <= ?4 OR place = 1",
    ") AND EXISTS (SELECT 1 FROM owners WHERE name = ?1 AND until > ",
    now!(),
    ") RETURNING number, attempts, ",
    now!(),
    " - accepted, head, data"
);
const FORGO: &str =
    "UPDATE messages SET owner = NULL, attempts = attempts - 1 WHERE owner = ?1 AND claim = ?2";
pub(super) const ACKNOWLEDGE: &str =
    "DELETE FROM messages WHERE number = ?1 AND owner = ?2 RETURNING 1";
/// Adds the failure `?3` to the last ones.
macro_rules! failures {
    () => {
        "failures = json_insert(iif(json_array_length(failures) >= ?4, json_remove(failures, '$[0]'), failures), '$[#]', json(?3))"
    };
}
const RETRY: &str = concat!(
    "UPDATE messages SET owner = NULL, due = ",
    now!(),
    " + ?5, ",
    failures!(),
    " WHERE number = ?1 AND owner = ?2 RETURNING 1"
);
const BURY: &str = concat!(
    "UPDATE messages SET owner = NULL, queue = queue || '.dead', due = ",
    now!(),
    ", ",
    failures!(),
    " WHERE number = ?1 AND owner = ?2 RETURNING 1"
);
const RELEASE: &str = concat!(
    "UPDATE messages SET owner = NULL, attempts = attempts - 1, due = ",
    now!(),
    " + ?3 WHERE number = ?1 AND owner = ?2 RETURNING 1"
);
const FIGURES: &str = concat!(
    "SELECT name, messages, bytes, ",
    "(SELECT count(*) FROM messages WHERE owner IS NOT NULL AND queue = name), ",
    "coalesce((SELECT max(",
    now!(),
    " - min(due), 0) FROM messages WHERE queue = name AND owner IS NULL AND blocked = 0 ",
    "AND name NOT LIKE '%.dead'), 0) ",
    "FROM queues ORDER BY name"
);
const LIST: &str = concat!(
    "SELECT number, attempts, ",
    now!(),
    " - accepted, max(due - ",
    now!(),
    ", 0), owner IS NOT NULL, blocked, failures, head, data FROM messages ",
    "WHERE queue = ?1 AND number > ?2 ORDER BY number LIMIT ?3"
);
/// A page of the messages of a queue that nobody owns, or one of them.
macro_rules! some {
    () => {
        "number IN (SELECT number FROM messages \
         WHERE queue = ?1 AND owner IS NULL AND (?2 IS NULL OR number = ?2) ORDER BY number LIMIT ?3)"
    };
}
const REDRIVE: &str = concat!(
    "UPDATE messages SET queue = substr(queue, 1, length(queue) - 5), attempts = 0, due = ",
    now!(),
    " WHERE ?1 LIKE '%.dead' AND ",
    some!(),
    " RETURNING 1"
);
const DELETE: &str = concat!("DELETE FROM messages WHERE ", some!(), " RETURNING 1");

pub(super) const STATEMENTS: Statements = Statements {
    join: JOIN,
    renew: RENEW,
    leave: LEAVE,
    old: OLD,
    end_leases: END_LEASES,
    forget: FORGET,
    next: NEXT,
    claim: CLAIM,
    forgo: FORGO,
    retry: RETRY,
    bury: BURY,
    release: RELEASE,
    figures: FIGURES,
    list: LIST,
    redrive: REDRIVE,
    delete: DELETE,
    note_failure: NOTE_FAILURE,
    note_release: NOTE_RELEASE,
    note: NOTE,
    forget_note: FORGET_NOTE,
    keep: KEEP,
    kept: KEPT,
    schedules: SCHEDULES,
    schedule: SCHEDULE,
    reschedule: RESCHEDULE,
    unschedule: UNSCHEDULE,
};

const NOTE_FAILURE: &str = concat!(
    "INSERT INTO notes (queue, number, failures) VALUES (?1, ?2, json_array(json(?3))) ",
    "ON CONFLICT DO UPDATE SET ",
    failures!()
);
const NOTE_RELEASE: &str = "INSERT INTO notes (queue, number, released) VALUES (?1, ?2, 1) \
     ON CONFLICT DO UPDATE SET released = released + 1";
const NOTE: &str = "SELECT released, failures FROM notes WHERE queue = ?1 AND number = ?2";
const FORGET_NOTE: &str = "DELETE FROM notes WHERE queue = ?1 AND number = ?2";
const KEEP: &str = concat!(
    "INSERT INTO messages (queue, id, key, head, data, accepted, due, attempts, failures) ",
    "SELECT ?1, ?2, nullif(?3, ''), ?4, ?5, ",
    now!(),
    ", ",
    now!(),
    ", ?6, ?7 WHERE ?8 > 0"
);
const KEPT: &str = concat!(
    "SELECT number, key, head, data FROM messages WHERE ",
    some!()
);
const SCHEDULES: &str = "SELECT name, next FROM schedules";
const SCHEDULE: &str =
    "INSERT INTO schedules (name, next) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING 1";
const RESCHEDULE: &str = "UPDATE schedules SET next = ?3 WHERE name = ?1 AND next = ?2 RETURNING 1";
const UNSCHEDULE: &str = "DELETE FROM schedules WHERE name = ?1 AND next = ?2 RETURNING 1";

/// The statements that make the tables.
pub(super) fn schema() -> String {
    let milliseconds = SAME_MESSAGE.as_millis().to_string();
    SCHEMA.replace("SAME_MESSAGE", &milliseconds)
}

/// The statement that inserts so many messages. All have the same time.
pub(super) fn insert(messages: usize) -> String {
    const COLUMNS: usize = 6;
    let mut sql = String::from("WITH given (queue, id, key, head, data, delay) AS (VALUES ");
    for message in 0..messages {
        let first = message * COLUMNS + 1;
        let separator = if message == 0 { "" } else { ", " };
        // Writing to a `String` cannot fail.
        let _ = write!(
            sql,
            "{separator}(?{}, ?{}, ?{}, ?{}, ?{}, ?{})",
            first,
            first + 1,
            first + 2,
            first + 3,
            first + 4,
            first + 5
        );
    }
    sql.push_str(concat!(
        "), clock (now) AS (SELECT ",
        now!(),
        ") INSERT INTO messages (queue, id, key, head, data, accepted, due) ",
        "SELECT queue, id, key, head, data, now, now + delay FROM given, clock"
    ));
    sql
}
