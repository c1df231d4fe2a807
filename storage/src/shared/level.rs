//! The level as a cache sees it: get, put, purge, and follow the purges of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{cmd, pipe};
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::answers::{array, entries, integer};
use super::codec::Kept;
use super::epochs::Epochs;
use super::keys::{INDEX, Keys};
use super::lease::Lease;
use super::limits::{
    LOG_LENGTH, MAX_ENTRY_BYTES, MAX_KEPT, MAX_UNHEARD, MAX_VARIANTS, MAX_VARIANTS_BYTES, RETENTION,
};
use super::log::{self, Secret};
use super::scripts::{self, script};
use crate::clock;
use crate::failure::EngineFailure;
use crate::redis::{Failed, Server, Session};
use crate::sql::open::{OpenError, RedisOptions};

/// What several caches keep together. Entries belong to one owner: caches of another do not see them. The log and the tags are
/// everybody's, so that two versions of an app tell each other what they invalidate.
pub struct Level {
    server: Server,
    /// With a connection of its own, because a question for news blocks it.
    follower: Server,
    owner: Mutex<Arc<str>>,
    epochs: Epochs,
    lease: Lease,
    /// When the last news was asked for, and how far the cache is when it has done that.
    told: Mutex<Option<(Instant, Done)>>,
    done: watch::Sender<Option<Done>>,
    /// The first is of this process, the second of all; which is the same, or comes from the log.
    secret: (Secret, Mutex<Option<Secret>>),
}

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The server's own name for its process, each of which has another log.
    pub run: Arc<str>,
    /// The number of an invalidation.
    pub number: u64,
}

/// How far the cache has done what the log says.
#[derive(Debug)]
struct Done {
    position: Position,
    /// The same place for a put.
    generation: u64,
}

/// The entries under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The level's generation before the lookup.
    pub generation: u64,
    /// The newest first.
    pub entries: Vec<Entry>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Equal for entries that replace each other.
    pub variant: Vec<u8>,
    /// What the cache put.
    pub value: Vec<u8>,
}

/// What others purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The generation after it.
    pub generation: u64,
    /// The messages of the purges in order; `None` if some are forgotten.
    pub messages: Option<Vec<Vec<u8>>>,
}

impl fmt::Debug for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Level").field(&self.server).finish()
    }
}

impl Level {
    /// Opens the level of an owner on the server at `url`. It blocks the calling thread. A server that does not answer now may do
    /// so later. The random `secret` is that of all processes if they have none yet.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(
        url: &str,
        owner: &str,
        secret: Secret,
        options: &RedisOptions,
    ) -> Result<Self, OpenError> {
        let server = Server::open_if_reachable(url, options)?;
        Ok(Self {
            follower: server.beside(),
            server,
            owner: Mutex::new(owner.into()),
            epochs: Epochs::default(),
            lease: Lease::new(),
            told: Mutex::default(),
            done: watch::Sender::default(),
            secret: (secret, Mutex::default()),
        })
    }

    /// Gives the level another owner, whose entries are others.
    pub fn set_owner(&self, owner: &str) {
        *lock(&self.owner) = owner.into();
    }

    /// Whether the memory of this process has the purges of all others, up to [`MAX_UNHEARD`](super::MAX_UNHEARD) ago.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.lease.holds()
    }

    /// The secret of all that follow the log; `None` before the log was heard.
    #[must_use]
    pub fn secret(&self) -> Option<Secret> {
        *lock(&self.secret.1)
    }

    /// The place in the log up to which this process has done everything.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let done = self.done.borrow();
        done.as_ref().map(|done| done.position.clone())
    }

    /// The same as a generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        let done = self.done.borrow();
        done.as_ref().map_or(0, |done| done.generation)
    }

    /// Waits until this process has done everything up to a place; returns whether it has. It has not if the place is in another
    /// log, or if the log is not heard: then it waits for nothing.
    pub async fn reaches(&self, place: &Position, deadline: Instant) -> bool {
        let is_decided = |done: &Option<Done>| {
            let position = done.as_ref().map(|done| &done.position);
            position.is_none_or(|done| done.run != place.run || done.number >= place.number)
        };
        let mut done = self.done.subscribe();
        if !is_decided(&done.borrow()) && self.is_followed() {
            let deciding = done.wait_for(|done| is_decided(done));
            // The outcome is read below.
            let _ = timeout_at(deadline.into(), deciding).await;
        }
        let done = done.borrow();
        let position = done.as_ref().map(|done| &done.position);
        position.is_some_and(|done| done.run == place.run && done.number >= place.number)
    }

    /// The entries under a key, which all have `tags` beside their own.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer before `deadline`.
    pub async fn get(
        &self,
        key: &str,
        tags: &[String],
        deadline: Instant,
    ) -> Result<Found, EngineFailure> {
        let (session, keys) = self.session(&self.server, deadline).await?;
        let mut ask = pipe();
        ask.add_command(log::number(&keys));
        for tag in tags {
            ask.cmd("GET").arg(keys.tag(tag));
        }
        let mut look = cmd("HGETALL");
        look.arg(keys.entry(key));
        let (answer, found) = tokio::join!(
            session.execute(ask, deadline),
            self.server.read(look, deadline)
        );
        let mut kept = entries(found.map_err(Failed::of_read)?)?;
        let mut answers = array(answer.map_err(Failed::of_read)?)?.into_iter();
        let number = integer(answers.next())?;
        for tag in answers {
            // A tag that is gone says nothing of what was purged.
            let least = integer(Some(tag)).unwrap_or(u64::MAX);
            kept.retain(|(_, kept)| kept.number >= least);
        }
        self.retain_valid(&session, &keys, &mut kept, deadline)
            .await?;
        Ok(Found {
            generation: self.epochs.generation(keys.of_owner(), number),
            entries: newest_first(kept),
        })
    }

    /// Puts an entry under a key, in the place of an equal variant, for at most `keep_for`. It is not kept if one of its tags, which
    /// are `fixed` for the key and `own`, was purged after the generation `since`. Returns whether it is kept.
    ///
    /// # Errors
    ///
    /// As [`Level::get`].
    pub async fn put(
        &self,
        key: &str,
        (fixed, own): (&[String], &[String]),
        entry: &Entry,
        keep_for: Duration,
        since: u64,
        deadline: Instant,
    ) -> Result<bool, EngineFailure> {
        let (session, keys) = self.session(&self.server, deadline).await?;
        let Some(since) = self.epochs.number(keys.of_owner(), since) else {
            return Ok(false);
        };
        let value = Kept::encode(since, own, &entry.value);
        let kept_for = shortened(keep_for.min(MAX_KEPT)).as_millis();
        if value.len() > MAX_ENTRY_BYTES || kept_for == 0 {
            return Ok(false);
        }
        let now = log::present(&session, &keys, deadline).await?;
        let mut ask = pipe();
        for tag in fixed.iter().chain(own) {
            let mut tag = script(scripts::TAG, &[keys.tag(tag)]);
            tag.arg(now).arg(RETENTION.as_secs());
            ask.add_command(tag);
        }
        let answer = session.execute(ask, deadline).await;
        for tag in array(answer.map_err(Failed::of_write)?)? {
            if integer(Some(tag))? > since {
                return Ok(false);
            }
        }
        let mut put = script(scripts::PUT, &[keys.entry(key)]);
        put.arg(&entry.variant).arg(value);
        put.arg(u64::try_from(kept_for).unwrap_or(u64::MAX));
        put.arg(MAX_VARIANTS).arg(MAX_VARIANTS_BYTES);
        let put = self.server.write(put, deadline).await;
        put.map(|_| true).map_err(Failed::of_write)
    }

    /// Puts all entries with one of these tags out of date, and appends the message beside each tag for the other processes. Returns
    /// the place of the last message.
    ///
    /// # Errors
    ///
    /// As [`Level::get`]. It may be called again, and must be, if its outcome is not known.
    pub async fn purge(
        &self,
        purges: &[(String, Vec<u8>)],
        deadline: Instant,
    ) -> Result<Position, EngineFailure> {
        let (session, keys) = self.session(&self.server, deadline).await?;
        let before = log::present(&session, &keys, deadline).await?;
        let mut ask = pipe();
        for (tag, _) in purges {
            let mut raise = script(scripts::RAISE, &[keys.tag(tag)]);
            raise.arg(before + 1).arg(RETENTION.as_secs());
            ask.add_command(raise);
        }
        for (_, message) in purges {
            let mut append = script(scripts::APPEND, &[keys.number(), keys.log()]);
            append.arg(RETENTION.as_secs()).arg(LOG_LENGTH).arg(message);
            ask.add_command(append);
        }
        let purged = session.execute(ask, deadline).await;
        let numbers = array(purged.map_err(Failed::of_write)?)?;
        Ok(Position {
            run: session.run().into(),
            number: integer(numbers.into_iter().next_back())?,
        })
    }

    /// The purges of all processes after a generation; waits until there is one, or for [`LOG_WAIT`](super::LOG_WAIT). With this
    /// call, the cache confirms that it has done all that the last one returned.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer for [`MAX_UNHEARD`](super::MAX_UNHEARD).
    pub async fn follow(&self, after: u64) -> Result<News, EngineFailure> {
        if let Some((asked, done)) = lock(&self.told).take() {
            self.lease.extend(asked);
            self.done.send_replace(Some(done));
        }
        let asked = clock::now();
        let deadline = asked + MAX_UNHEARD;
        let (session, keys) = self.session(&self.follower, deadline).await?;
        let last = self.epochs.number(keys.of_owner(), after);
        let secret = self.secret().unwrap_or(self.secret.0);
        let heard = log::follow(&session, &keys, last, &secret, deadline).await?;
        *lock(&self.secret.1) = Some(heard.secret);
        let generation = self.epochs.generation(keys.of_owner(), heard.number);
        let position = Position {
            run: session.run().into(),
            number: heard.number,
        };
        let done = Done {
            position,
            generation,
        };
        *lock(&self.told) = Some((asked, done));
        Ok(News {
            generation,
            messages: heard.messages,
        })
    }

    async fn session(
        &self,
        server: &Server,
        deadline: Instant,
    ) -> Result<(Session, Keys), EngineFailure> {
        let session = server
            .session(INDEX, deadline)
            .await
            .map_err(Failed::of_read)?;
        let owner = Arc::clone(&lock(&self.owner));
        let keys = Keys::of(&owner, session.run());
        Ok((session, keys))
    }

    /// Removes entries that have a tag of their own that is gone or was raised.
    async fn retain_valid(
        &self,
        session: &Session,
        keys: &Keys,
        kept: &mut Vec<(Vec<u8>, Kept)>,
        deadline: Instant,
    ) -> Result<(), EngineFailure> {
        let own: BTreeSet<String> = kept
            .iter()
            .flat_map(|(_, kept)| kept.tags.iter().cloned())
            .collect();
        if own.is_empty() {
            return Ok(());
        }
        let mut ask = pipe();
        for tag in &own {
            ask.cmd("GET").arg(keys.tag(tag));
        }
        let answer = session.execute(ask, deadline).await;
        let answers = array(answer.map_err(Failed::of_read)?)?;
        let numbers = answers.into_iter().map(|tag| integer(Some(tag)).ok());
        let numbers: BTreeMap<String, Option<u64>> = own.into_iter().zip(numbers).collect();
        kept.retain(|(_, kept)| {
            let mut tags = kept
                .tags
                .iter()
                .map(|tag| numbers.get(tag).copied().flatten());
            tags.all(|number| number.is_some_and(|number| number <= kept.number))
        });
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn newest_first(mut kept: Vec<(Vec<u8>, Kept)>) -> Vec<Entry> {
    kept.sort_by_key(|(_, kept)| std::cmp::Reverse(kept.number));
    let entries = kept.into_iter().map(|(variant, kept)| Entry {
        variant,
        value: kept.value,
    });
    entries.collect()
}

/// Up to a tenth less, so that entries that were put together do not end together.
fn shortened(time: Duration) -> Duration {
    let part = u32::try_from(RandomState::new().hash_one(0_u8) % 1_000).unwrap_or(0);
    time - time / 10 * part / 1_000
}
