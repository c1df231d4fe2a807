//! Queues in one SQLite file. Each call that changes something is one statement, so it is done as a whole and shares a commit
//! with others; triggers keep the counts, the order of keys and the ids that were seen. The callers have checked sizes.

mod rows;
mod statements;

use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use self::rows::{
    claimed, count, duration, figures, foreign_file, listed, milliseconds, name, schedule,
};
use self::statements::{
    ACKNOWLEDGE, BURY, CLAIM, DELETE, END_LEASES, FIGURES, FORGET, JOIN, LEAVE, LIST, NEXT, OLD,
    REDRIVE, RELEASE, RENEW, RESCHEDULE, RETRY, ROOM, SCHEDULE, SCHEDULES, UNSCHEDULE, insert,
    schema,
};
use super::error::Error;
use super::limits::{LEASE, MAX_CLAIM_BYTES, MAX_FAILURES, MAX_LISTED, MAX_SWEPT};
use super::message::{Claim, Contents, Figures, Listed, Message, Owner, Room, Schedule};
use crate::sql::open::{OpenError, SqliteOptions};
use crate::sql::sqlite::Database;
use crate::sql::{self, Value};

/// All queues of one file.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    database: Database,
}

impl Queues {
    pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let database = Database::open(path, options, &schema())?;
        Ok(Self { database })
    }

    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        let closed = self.database.close(deadline).await;
        Ok(closed.map_err(sql::Error::of_own_statement)?)
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
        rows.into_iter().map(figures).collect()
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
        self.change_some(REDRIVE, queue, number, deadline).await
    }

    pub(super) async fn delete(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        self.change_some(DELETE, queue, number, deadline).await
    }

    pub(super) async fn schedules(&self, deadline: Instant) -> Result<Vec<Schedule>, Error> {
        let rows = self.execute(SCHEDULES, Vec::new(), deadline).await?;
        rows.into_iter().map(schedule).collect()
    }

    pub(super) async fn reschedule(
        &self,
        name: &str,
        from: Option<i64>,
        to: Option<i64>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let (sql, times) = match (from, to) {
            (None, None) => return Ok(false),
            (None, Some(to)) => (SCHEDULE, vec![to]),
            (Some(from), Some(to)) => (RESCHEDULE, vec![from, to]),
            (Some(from), None) => (UNSCHEDULE, vec![from]),
        };
        let times = times.into_iter().map(Value::Integer);
        let parameters = [name.into()].into_iter().chain(times);
        self.changed(sql, parameters.collect(), deadline).await
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
        Ok(self.database.execute(sql, parameters, deadline).await?)
    }
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
