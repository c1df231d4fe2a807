//! One server of a database, the primary or a replica: what it says of itself, and as what it was seen last. Which of several is
//! asked is left to [`super::servers`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use super::connection::Connection;
use super::failures::Failed;
use super::job::Stop;
use super::pool::{Pool, Pooled};
use crate::clock;
use crate::sql::limits::MAX_PROBE_WAIT;
use crate::sql::position::Place;
use crate::sql::statistics::Counter;

/// Where a primary is in its history. What it flushed has all that it acknowledged, unless it acknowledges before.
macro_rules! written {
    () => {
        "CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn() \
         ELSE pg_current_wal_flush_lsn() END"
    };
}

/// The timeline of a primary.
macro_rules! timeline {
    () => {
        "('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::bigint"
    };
}

/// Asks for the place of what was committed on the same connection.
pub(super) const PLACE_OF_WRITE: &str =
    concat!("SELECT ", timeline!(), ", (", written!(), ") - '0/0'");

/// Whose data a server has, and its timeline if it follows no other.
pub(super) const WHO: &str = concat!(
    "SELECT (SELECT system_identifier FROM pg_control_system()), \
     CASE WHEN pg_is_in_recovery() THEN NULL ELSE ",
    timeline!(),
    " END"
);

/// The same, and where the server is in its history. A replica has the timelines that are in its data: what it says of others it
/// says to administrators only.
const WHERE: &str = concat!(
    "SELECT (SELECT system_identifier FROM pg_control_system()), \
     CASE WHEN pg_is_in_recovery() THEN NULL ELSE ",
    timeline!(),
    " END, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE ",
    written!(),
    " END - '0/0', (SELECT coalesce(max(timeline), 0) FROM terrace.timelines)"
);

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// The identifier of its data, which its replicas have too.
    pub(super) system: u64,
    pub(super) is_replica: bool,
    pub(super) place: Place,
    /// The newest timeline that its data name.
    named: u32,
}

/// As what a server was seen last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seen {
    #[default]
    NotYet,
    Out,
    Primary(Place),
    Replica(Place),
    /// It has the data of another database.
    Foreign,
}

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) pool: Arc<Pool>,
    /// The URL without user, password and parameters.
    pub(super) shown: String,
    /// The reads of requests that ran on it as a replica.
    pub(super) reads: Counter,
    pub(super) seen: watch::Sender<Seen>,
    /// The connection for looks.
    looking: Mutex<Option<Pooled>>,
    /// The shortest time in microseconds that an answer took lately; a server that was not asked yet is near.
    distance: AtomicU64,
}

impl Server {
    pub(super) fn new(pool: Arc<Pool>, shown: String) -> Self {
        Self {
            pool,
            shown,
            reads: Counter::default(),
            seen: watch::Sender::default(),
            looking: Mutex::default(),
            distance: AtomicU64::new(0),
        }
    }

    /// About how long it takes to ask this server.
    pub(super) fn distance(&self) -> Duration {
        Duration::from_micros(self.distance.load(Ordering::Relaxed))
    }

    /// Notes how long an answer took. One that took longer than others counts only if the next ones do too: it may have waited for a
    /// processor.
    fn note_distance(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.distance.load(Ordering::Relaxed);
        let now = match before {
            0 => took,
            before => took.min(before + before / 8 + 1),
        };
        self.distance.store(now, Ordering::Relaxed);
    }

    /// Asks the server what it is, and where, on a connection beside those of the pool: these may all be lent.
    ///
    /// # Errors
    ///
    /// If it does not answer in time.
    pub(super) async fn look(&self) -> Result<Answer, String> {
        let mut looking = self.looking.lock().await;
        let pooled = match looking.take().filter(|old| old.connection.is_usable()) {
            Some(pooled) => pooled,
            None => self
                .pool
                .beside()
                .await
                .map_err(|failure| failure.to_string())?,
        };
        let pooled = looking.insert(pooled);
        let asked = clock::now();
        let mut stop = Stop::at(asked + MAX_PROBE_WAIT);
        let answer = ask(&mut pooled.connection, &mut stop).await;
        let answer = answer.map_err(|failed| failed.error().to_string())?;
        self.note_distance(clock::now() - asked);
        if !answer.is_replica && answer.named < answer.place.timeline {
            let name = format!(
                "INSERT INTO terrace.timelines VALUES ({}) ON CONFLICT DO NOTHING",
                answer.place.timeline
            );
            // If it fails, the next look does it again.
            let _ = pooled.connection.command(&name, &mut stop).await;
        }
        Ok(answer)
    }
}

/// Asks the server of a connection what it is, and where.
///
/// # Errors
///
/// If it does not answer, or has not got so far that it could.
pub(super) async fn ask(
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<Answer, Failed> {
    let rows = connection.texts(WHERE, stop).await?;
    rows.first()
        .and_then(|row| answer(row))
        .ok_or_else(|| Failed::OtherColumns("the server does not say where it is".to_owned()))
}

fn answer(row: &[String]) -> Option<Answer> {
    let [system, timeline, lsn, named] = row else {
        return None;
    };
    let is_replica = timeline.is_empty();
    Some(Answer {
        system: system.parse().ok()?,
        is_replica,
        place: Place::of_row(if is_replica { named } else { timeline }, lsn)?,
        named: named.parse().ok()?,
    })
}

/// What a server tells about itself, for metrics.
#[derive(Clone, Debug)]
pub struct ServerFigures {
    /// Host, port and database.
    pub server: String,
    /// As what it was seen last.
    pub state: ServerState,
    /// The reads of requests that ran on it as a replica.
    pub reads: u64,
    /// How far it lagged behind its primary when it was seen last, if it is a replica.
    pub lag: Option<Duration>,
}

/// As what a server was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It takes writes.
    Primary,
    /// It follows the primary, and reads run on it.
    Replica,
    /// It does not answer.
    Out,
    /// It takes writes, or has data, that are not those of the primary. Nothing runs on it.
    Apart,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::postgres::address::Address;
    use crate::sql::postgres::tls::Connector;
    use crate::{PostgresOptions, sql::statistics::Statistics};

    #[test]
    fn a_server_is_as_far_as_its_fastest_answers_lately() {
        let options = PostgresOptions::default();
        let address = Address::read("postgres://a/b", &options, "").unwrap();
        let connector = Connector::new(&address).unwrap();
        let statistics = Arc::<Statistics>::default();
        let pool = Pool::new(address.config, connector, true, &options, statistics);
        let server = Server::new(pool, String::new());
        let ms = Duration::from_millis;
        for (took, least, most) in [(40, 40, 40), (1, 1, 1), (40, 1, 2), (2, 1, 2)] {
            server.note_distance(ms(took));
            let distance = server.distance();
            assert!(
                ms(least) <= distance && distance <= ms(most),
                "{distance:?}"
            );
        }
        for _ in 0..60 {
            server.note_distance(ms(40));
        }
        assert_eq!(server.distance(), ms(40));
    }
}
