//! Digests: how many new articles there were for a user since the last one. The clock has them made.

use serde::Serialize;
use terrace_sdk::queue::Event;
use terrace_sdk::sql::{self, Connection, Rows, Statement};
use terrace_sdk::{Error, values};

use crate::limits::MAX_DIGESTS_AT_ONCE;
use crate::messages::{self, DIGESTED};
use crate::paging::MAX_ID;

pub(crate) const NEWEST: &str =
    "SELECT made_at, articles FROM digests WHERE user_id = ?1 ORDER BY made_at DESC LIMIT 20";

/// The last user of a full part.
const LAST: &str = "
    SELECT user_id FROM notifications WHERE digest = '' AND user_id > ?1
    GROUP BY user_id ORDER BY user_id LIMIT 1 OFFSET ?2";

const MAKE: &str = "
    INSERT INTO digests (user_id, made_at, articles)
    SELECT user_id, ?1, count(*) FROM notifications
    WHERE digest = '' AND user_id > ?2 AND user_id <= ?3 GROUP BY user_id
    ON CONFLICT (user_id, made_at) DO UPDATE SET articles = digests.articles + excluded.articles";

/// Behind [`MAKE`].
const MARK: &str =
    "UPDATE notifications SET digest = ?1 WHERE digest = '' AND user_id > ?2 AND user_id <= ?3";

/// The number of new articles at a time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Digest<'a> {
    made_at: &'a str,
    articles: u64,
}

/// Reads rows of [`NEWEST`].
pub(crate) fn read(rows: &Rows) -> Result<Vec<Digest<'_>>, sql::Error> {
    let digests = rows.iter().map(|row| {
        Ok(Digest {
            made_at: row.get(0)?,
            articles: row.get(1)?,
        })
    });
    digests.collect()
}

/// Makes the first digests of the time that a schedule names.
pub(crate) async fn begin(database: &Connection, event: &Event) -> Result<(), Error> {
    make(database, event.time.as_deref().unwrap_or_default(), 0).await
}

/// Makes the digests behind the last user that the event names.
pub(crate) async fn go_on(database: &Connection, event: &Event) -> Result<(), Error> {
    let time = event.subject.as_deref().unwrap_or_default();
    make(database, time, messages::number(&event.data)?).await
}

/// Makes some digests, and sends an event for the next ones.
async fn make(database: &Connection, time: &str, after: i64) -> Result<(), Error> {
    let last = values![after, MAX_DIGESTS_AT_ONCE - 1];
    let last = database.execute(LAST, last).await?;
    let last: Option<i64> = last.first().map(|row| row.get(0)).transpose()?;
    let until = last.unwrap_or(MAX_ID);
    let bind = |text| Statement::new(text).bind(time).bind(after).bind(until);
    let mut statements = [MAKE, MARK].map(bind).to_vec();
    if let Some(last) = last {
        let id = format!("digest {time} after {last}");
        statements.push(messages::send(&id, DIGESTED, time, &last.to_string())?);
    }
    database.batch(&statements).await?;
    Ok(())
}
