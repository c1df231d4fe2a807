//! Queues in one SQLite file. Each call that changes something is one statement, so it is done as a whole and shares a commit
//! with others; triggers keep the counts, the order of keys and the ids that were seen. The callers have checked sizes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::limits::{LEASE, MAX_CLAIM_BYTES, MAX_DELAY, MAX_FAILURES, MAX_LISTED, MAX_SWEPT};
use super::message::{Claim, Claimed, Contents, Figures, Listed, Message, Owner, Room};
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::open::{OpenError, SqliteOptions};
use crate::sql::sqlite::{Database, Session};
use crate::sql::{self, Value};

const SCHEMA: &str = include_str!("sqlite/schema.sql");

/// Milliseconds since 1970.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

const ROOM: &str = "SELECT coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM queues \
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
    ", 0) FROM messages WHERE queue = ?1 AND owner IS NULL AND blocked = 0"
);
/// Messages in the order in which they are due, for as long as their bytes together are few.
const CLAIM: &str = concat!(
    "UPDATE messages SET owner = ?1, attempts = attempts + 1 WHERE number IN (",
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
const ACKNOWLEDGE: &str = "DELETE FROM messages WHERE number = ?1 AND owner = ?2 RETURNING 1";
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
const SOME: &str = "number IN (SELECT number FROM messages \
     WHERE queue = ?1 AND owner IS NULL AND (?2 IS NULL OR number = ?2) ORDER BY number LIMIT ?3)";

/// All queues of one file.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    database: Database,
}

impl Queues {
    pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let database = Database::open(path, options, SCHEMA)?;
        Ok(Self { database })
    }

    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        self.database.close(deadline).await.map_err(failed)
    }

    pub(super) async fn send(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.check_room(&messages, room, deadline).await?;
        let sql = insert(messages.len());
        let parameters = messages.into_iter().flat_map(|message| {
            let id = digest(&message.queue, &message.id);
            let Contents { head, data } = message.contents;
            [
                Value::Text(message.queue),
                Value::Blob(id),
                message.key.map_or(Value::Null, Value::Text),
                Value::Text(head),
                Value::Blob(data),
                milliseconds(message.delay),
            ]
        });
        self.execute(&sql, parameters.collect(), deadline)
            .await
            .map(drop)
    }

    /// Checks that each queue has room for what it is to get.
    async fn check_room(
        &self,
        messages: &[Message],
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut checked: Option<&str> = None;
        for message in messages {
            // Those for one queue mostly come one after the other.
            if checked == Some(&message.queue) {
                continue;
            }
            checked = Some(&message.queue);
            let rows = self.execute(ROOM, vec![(&*message.queue).into()], deadline);
            let rows = rows.await?;
            let [Value::Integer(count), Value::Integer(bytes)] = rows[0][..] else {
                return Err(foreign_file());
            };
            if count.cast_unsigned() >= room.messages || bytes.cast_unsigned() >= room.bytes {
                let queue = message.queue.clone();
                return Err(Error::Full { queue });
            }
        }
        Ok(())
    }

    pub(super) async fn join(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let parameters = vec![name(owner), milliseconds(LEASE)];
        self.execute(JOIN, parameters, deadline).await.map(drop)
    }

    pub(super) async fn renew(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let parameters = vec![name(owner), milliseconds(LEASE)];
        let renewed = self.execute(RENEW, parameters, deadline).await?;
        if renewed.is_empty() {
            return Err(Error::LeaseEnded);
        }
        Ok(())
    }

    pub(super) async fn leave(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let parameters = vec![name(owner)];
        self.execute(LEAVE, parameters, deadline).await.map(drop)
    }

    pub(super) async fn sweep(&self, deadline: Instant) -> Result<(), Error> {
        let old = self.execute(OLD, Vec::new(), deadline).await?;
        let [Value::Integer(owners), Value::Integer(accepted)] = old[0][..] else {
            return Err(foreign_file());
        };
        if owners != 0 {
            self.execute(END_LEASES, Vec::new(), deadline).await?;
        }
        let mut has_old = accepted != 0;
        while has_old {
            let forgotten = self.execute(FORGET, vec![count(MAX_SWEPT)], deadline);
            has_old = forgotten.await?.len() == MAX_SWEPT;
        }
        Ok(())
    }

    pub(super) async fn claim(
        &self,
        owner: &Owner,
        queue: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Claim, Error> {
        // A read, which is cheap, so that an idle consumer writes nothing.
        let next = self.execute(NEXT, vec![queue.into()], deadline).await?;
        let next_in = match next[0][..] {
            [Value::Integer(0)] => None,
            [Value::Integer(next)] => Some(duration(next)),
            _ => return Ok(Claim::default()),
        };
        if next_in.is_some() {
            let messages = Vec::new();
            return Ok(Claim { messages, next_in });
        }
        let parameters = vec![
            name(owner),
            queue.into(),
            count(most),
            count(MAX_CLAIM_BYTES),
        ];
        let rows = self.execute(CLAIM, parameters, deadline).await?;
        let messages = rows.into_iter().map(claimed);
        let mut messages: Vec<_> = messages.collect::<Result<_, _>>()?;
        messages.sort_unstable_by_key(|message| message.number);
        let next_in = Some(Duration::ZERO);
        Ok(Claim { messages, next_in })
    }

    pub(super) async fn acknowledge(
        &self,
        owner: &Owner,
        number: i64,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let parameters = vec![number.into(), name(owner)];
        self.changed(ACKNOWLEDGE, parameters, deadline).await
    }

    pub(super) async fn retry(
        &self,
        owner: &Owner,
        number: i64,
        delay: Duration,
        failure: &str,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let parameters = vec![
            number.into(),
            name(owner),
            failure.into(),
            count(MAX_FAILURES),
            milliseconds(delay),
        ];
        self.changed(RETRY, parameters, deadline).await
    }

    pub(super) async fn bury(
        &self,
        owner: &Owner,
        number: i64,
        failure: &str,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let parameters = vec![
            number.into(),
            name(owner),
            failure.into(),
            count(MAX_FAILURES),
        ];
        self.changed(BURY, parameters, deadline).await
    }

    pub(super) async fn release(
        &self,
        owner: &Owner,
        number: i64,
        delay: Duration,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let parameters = vec![number.into(), name(owner), milliseconds(delay)];
        self.changed(RELEASE, parameters, deadline).await
    }

    pub(super) async fn figures(&self, deadline: Instant) -> Result<Vec<Figures>, Error> {
        let rows = self.execute(FIGURES, Vec::new(), deadline).await?;
        let figures = rows
            .into_iter()
            .map(|row| match <[Value; 5]>::try_from(row) {
                Ok(
                    [
                        Value::Text(queue),
                        Value::Integer(messages),
                        Value::Integer(bytes),
                        Value::Integer(claimed),
                        Value::Integer(waiting),
                    ],
                ) => Ok(Figures {
                    queue,
                    messages: messages.cast_unsigned(),
                    bytes: bytes.cast_unsigned(),
                    claimed: claimed.cast_unsigned(),
                    waiting: duration(waiting),
                }),
                _ => Err(foreign_file()),
            });
        figures.collect()
    }

    pub(super) async fn list(
        &self,
        queue: &str,
        after: i64,
        deadline: Instant,
    ) -> Result<Vec<Listed>, Error> {
        let parameters = vec![queue.into(), after.into(), count(MAX_LISTED)];
        let rows = self.execute(LIST, parameters, deadline).await?;
        rows.into_iter().map(listed).collect()
    }

    pub(super) async fn redrive(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let sql = format!(
            "UPDATE messages SET queue = substr(queue, 1, length(queue) - 5), attempts = 0, due = {} \
             WHERE ?1 LIKE '%.dead' AND {SOME} RETURNING 1",
            now!()
        );
        self.change_some(&sql, queue, number, deadline).await
    }

    pub(super) async fn delete(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let sql = format!("DELETE FROM messages WHERE {SOME} RETURNING 1");
        self.change_some(&sql, queue, number, deadline).await
    }

    /// Changes messages in steps, so that others have their turn in between.
    async fn change_some(
        &self,
        sql: &str,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let mut changed = 0;
        loop {
            let number = number.map_or(Value::Null, Value::Integer);
            let parameters = vec![queue.into(), number, count(MAX_SWEPT)];
            let step = self.execute(sql, parameters, deadline).await?.len();
            changed += step;
            if step < MAX_SWEPT {
                return Ok(changed as u64);
            }
        }
    }

    /// Executes a statement that changes one row and returns it, and tells whether it did.
    async fn changed(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let rows = self.execute(sql, parameters, deadline).await?;
        Ok(!rows.is_empty())
    }

    async fn execute(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Value>>, Error> {
        if clock::now() >= deadline {
            return Err(EngineFailure::DeadlineExceeded.into());
        }
        let mut session = Session::new(self.database.clone());
        let rows = session.execute(sql, parameters, deadline).await;
        Ok(rows.map_err(failed)?.rows)
    }
}

/// The statement that inserts so many messages. All have the same time.
fn insert(messages: usize) -> String {
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

/// Identifies a message of all queues, in few bytes whatever the length of its id.
fn digest(queue: &str, id: &str) -> Vec<u8> {
    const BYTES: usize = 16;
    let mut digest = Sha256::new();
    digest.update(queue.as_bytes());
    digest.update([0]);
    digest.update(id.as_bytes());
    digest.finalize()[..BYTES].to_vec()
}

fn claimed(row: Vec<Value>) -> Result<Claimed, Error> {
    match <[Value; 5]>::try_from(row) {
        Ok(
            [
                Value::Integer(number),
                Value::Integer(attempts),
                Value::Integer(age),
                Value::Text(head),
                Value::Blob(data),
            ],
        ) => Ok(Claimed {
            number,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            age: duration(age),
            contents: Contents { head, data },
        }),
        _ => Err(foreign_file()),
    }
}

fn listed(row: Vec<Value>) -> Result<Listed, Error> {
    match <[Value; 9]>::try_from(row) {
        Ok(
            [
                Value::Integer(number),
                Value::Integer(attempts),
                Value::Integer(age),
                Value::Integer(due_in),
                Value::Integer(is_claimed),
                Value::Integer(is_blocked),
                Value::Text(failures),
                Value::Text(head),
                Value::Blob(data),
            ],
        ) => Ok(Listed {
            number,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            age: duration(age),
            due_in: duration(due_in),
            is_claimed: is_claimed != 0,
            is_blocked: is_blocked != 0,
            failures,
            contents: Contents { head, data },
        }),
        _ => Err(foreign_file()),
    }
}

fn name(owner: &Owner) -> Value {
    Value::from(&*owner.0)
}

fn count(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn milliseconds(duration: Duration) -> Value {
    let milliseconds = duration.min(MAX_DELAY).as_millis();
    Value::Integer(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

/// A time that the clock of the machine says; it may have been put back in between.
fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

/// Our statements are correct, so any other error comes from the file.
fn failed(error: sql::Error) -> Error {
    match error {
        sql::Error::Engine(failure) => failure.into(),
        other => EngineFailure::Other {
            message: other.to_string(),
        }
        .into(),
    }
}

/// Our own tables are strict about types, so these tables are not ours.
fn foreign_file() -> Error {
    EngineFailure::Other {
        message: "the tables of the queues were not made by this program; choose another file"
            .to_owned(),
    }
    .into()
}
