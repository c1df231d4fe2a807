//! The level as a cache sees it: get, put, purge, and follow the purges of others.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::pipe;

use super::answers::{array, entries, integer};
use super::codec::Kept;
use super::epochs::Epochs;
use super::keys::Keys;
use super::lease::Lease;
use super::limits::{LOG_LENGTH, MAX_ENTRY_BYTES, MAX_KEPT, MAX_UNHEARD, MAX_VARIANTS, RETENTION};
use super::log;
use super::scripts::{self, script};
use crate::clock;
use crate::failure::EngineFailure;
use crate::redis::{Failed, Server, Session};
use crate::sql::open::{OpenError, RedisOptions};

/// What several caches keep together. Entries belong to one owner: caches of another do not see them. The log and the tags are
/// everybody's, so that two versions of an app tell each other what they invalidate.
#[derive(Debug)]
pub struct Level {
    server: Server,
    /// With a connection of its own, because a question for news blocks it.
    follower: Server,
    owner: Mutex<Arc<str>>,
    epochs: Epochs,
    lease: Lease,
    /// When the last news was asked for, which the cache has not confirmed yet.
    told: Mutex<Option<Instant>>,
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

impl Level {
    /// Opens the level of an owner on the server at `url`. It blocks the calling thread. A server that does not answer now may do
    /// so later.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(url: &str, owner: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let server = Server::open_if_reachable(url, options)?;
        Ok(Self {
            follower: server.beside(),
            server,
            owner: Mutex::new(owner.into()),
            epochs: Epochs::default(),
            lease: Lease::new(),
            told: Mutex::default(),
        })
    }

    /// Gives the level another owner, whose entries are others.
    pub fn set_owner(&self, owner: &str) {
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = owner.into();
    }

    /// Whether the memory of this process has the purges of all others, up to [`MAX_UNHEARD`](super::MAX_UNHEARD) ago.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.lease.holds()
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
        ask.cmd("HGETALL").arg(keys.entry(key));
        for tag in tags {
            ask.cmd("GET").arg(keys.tag(tag));
        }
        let answer = session.execute(ask, deadline).await;
        let mut answers = array(answer.map_err(Failed::of_read)?)?.into_iter();
        let number = integer(answers.next())?;
        let mut kept = entries(answers.next())?;
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
        put.arg(MAX_VARIANTS);
        let mut all = pipe();
        all.add_command(put);
        let put = session.execute(all, deadline).await;
        put.map(|_| true).map_err(Failed::of_write)
    }

    /// Puts all entries with one of these tags out of date, and appends the message beside each tag for the other processes.
    ///
    /// # Errors
    ///
    /// As [`Level::get`]. It may be called again, and must be, if its outcome is not known.
    pub async fn purge(
        &self,
        purges: &[(String, Vec<u8>)],
        deadline: Instant,
    ) -> Result<(), EngineFailure> {
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
        purged.map(drop).map_err(Failed::of_write)
    }

    /// The purges of all processes after a generation; waits until there is one, or for [`LOG_WAIT`](super::LOG_WAIT). With this
    /// call, the cache confirms that it has done all that the last one returned.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer for [`MAX_UNHEARD`](super::MAX_UNHEARD).
    pub async fn follow(&self, after: u64) -> Result<News, EngineFailure> {
        let told = self
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(heard) = told {
            self.lease.extend(heard);
        }
        let asked = clock::now();
        let deadline = asked + MAX_UNHEARD;
        let (session, keys) = self.session(&self.follower, deadline).await?;
        let (number, messages) = match self.epochs.number(keys.of_owner(), after) {
            Some(last) => log::after(&session, &keys, last, deadline).await?,
            None => (log::present(&session, &keys, deadline).await?, None),
        };
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Ok(News {
            generation: self.epochs.generation(keys.of_owner(), number),
            messages,
        })
    }

    async fn session(
        &self,
        server: &Server,
        deadline: Instant,
    ) -> Result<(Session, Keys), EngineFailure> {
        let session = server.session(deadline).await.map_err(Failed::of_read)?;
        let owner = Arc::clone(&self.owner.lock().unwrap_or_else(PoisonError::into_inner));
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
