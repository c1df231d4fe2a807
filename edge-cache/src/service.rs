//! A request's way through the cache: what it asks for, what is stored of that, whether that may be used, and else who
//! forwards the request and what becomes of the answer.
//!
//! ```text
//! way ─▶ look up ─▶ judge ─▶ reuse? ──────────────────────────────▶ respond
//!           │ ▲                └─▶ collapse ─▶ forward ─▶ store ─▶ respond
//!           │ └──── leader lost ────┘ └── follower ──────────────▶ respond
//!           └─▶ pass by, when nothing is stored and it was not cacheable last time
//! ```

mod arrival;
mod body;
mod change;
mod config;
mod forward;
pub mod limits;
mod lookup;
mod pass;
mod permission;
mod read;
mod respond;
mod second_level;
mod take_in;
mod tasks;
mod uncacheable;
mod upstream;
mod validated;

use std::sync::Arc;

use http::{Method, Request, Response};

use crate::collapse::Collapser;
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::conditional;
use crate::rules::key::CacheKey;
use crate::rules::{reuse, storing};
use crate::statistics::{Counters, Statistics};
use crate::store::{PURGE_BATCH, Purge, PurgeMode, SharedLevel, Store, StoreStatistics};
use crate::stored_response::StoredResponse;
use crate::time::Clock;
use crate::turns::turns;

pub use body::CacheBody;
pub use config::{CacheConfig, DEFAULT_CAPACITY_BYTES, DEFAULT_STALE_WHEN_DISCONNECTED};
pub use pass::Passing;
pub use second_level::Deadline;
pub use upstream::{ForwardError, Route, Upstream};

use arrival::ArrivingBudget;
use forward::LeaderResponse;
use limits::ARRIVING_SHARE_DIVISOR;
use lookup::{Asking, Found};
use read::Verdict;
use second_level::SecondLevel;
use tasks::Tasks;
use uncacheable::Uncacheable;

/// A response out of [`Cache::handle`], and what is to be done beside sending it.
pub struct Served<B, W> {
    /// The response.
    pub response: Response<CacheBody<B>>,
    /// To be spawned at once, where the service behind the cache may run: storing what still arrives, validating what
    /// was served stale, compressing. Dropped, it breaks off responses that depend on it.
    pub background: Option<W>,
    /// How the cache took part, as it stands in the response's `Cache-Status`.
    pub status: CacheStatus,
}

/// A shared cache.
pub struct Cache {
    store: Store,
    second_level: Option<SecondLevel>,
    collapser: Arc<Collapser<LeaderResponse>>,
    uncacheable: Uncacheable,
    arriving: Arc<ArrivingBudget>,
    clock: Box<dyn Clock>,
    config: CacheConfig,
    counters: Counters,
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(config: CacheConfig, clock: impl Clock) -> Arc<Self> {
        Arc::new(Self::over(None, config, clock))
    }

    /// An empty cache over a level that it shares with others, which it waits for until a `deadline` that begins with each
    /// call.
    #[must_use]
    pub fn with_shared_level(
        config: CacheConfig,
        clock: impl Clock,
        level: impl SharedLevel,
        deadline: impl Fn() -> Deadline + Send + Sync + 'static,
    ) -> Arc<Self> {
        let level = SecondLevel::new(level, deadline);
        Arc::new(Self::over(Some(level), config, clock))
    }

    fn over(second_level: Option<SecondLevel>, config: CacheConfig, clock: impl Clock) -> Self {
        let arriving = config.store.capacity_bytes / ARRIVING_SHARE_DIVISOR;
        Self {
            store: Store::new(config.store.clone()),
            second_level,
            collapser: Collapser::new(),
            uncacheable: Uncacheable::new(),
            arriving: Arc::new(ArrivingBudget::new(arriving)),
            clock: Box::new(clock),
            config,
            counters: Counters::default(),
        }
    }

    /// Which way a request takes: the first thing to ask. What is stored and may be used is its answer, with nothing to wait
    /// for.
    pub fn way<Q, B>(&self, request: Request<Q>) -> Way<Q, B> {
        let now = self.clock.now();
        let is_plain = lookup::is_plain(&request);
        let key = match Purpose::of(&request, is_plain) {
            Purpose::Read(key) => key,
            Purpose::Change(key) => return Way::Through(Asked(Step::Change(key, request))),
            Purpose::Neither(reason) => return Way::Through(Asked(Step::Pass(reason, request))),
        };
        let looked = self.store.look(&key, |variants| {
            let variants = variants?;
            let headers = request.headers();
            let answer = is_plain.then(|| self.answer_plainly(variants, headers, now));
            Some(answer.flatten().ok_or_else(|| variants.clone()))
        });
        let variants = match looked {
            Some(Ok((response, status))) => {
                self.counters.count(&status);
                return Way::Answered(response, status);
            }
            Some(Err(variants)) => Some(variants),
            None if is_plain && self.uncacheable.contains(&key, now) => {
                return Way::Past(Passing::new(key, now), request);
            }
            None => None,
        };
        let (head, content) = request.into_parts();
        let asking = Asking::new(key, head, is_plain);
        let found = Found::among(variants.as_ref(), &asking);
        let step = match Self::verdict(found, &asking, now) {
            Verdict::Respond { stored, validate } => {
                let status = CacheStatus::hit(reuse::time_to_live(&stored, now));
                let answer = self.respond_at_once(asking, stored, validate, status, now);
                if answer.tasks.are_none() {
                    self.counters.count(&answer.status);
                    return Way::Answered(answer.response, answer.status);
                }
                Step::Finish(Box::new(answer))
            }
            Verdict::Forward { stale, reason } => Step::Bring {
                asking,
                content,
                stale,
                reason,
            },
        };
        Way::Through(Asked(step))
    }

    /// Answers a request that goes through the cache: with what the upstream answers, or with what another request of the
    /// same kind brings from there.
    ///
    /// # Errors
    /// What the upstream fails with, unless a stored response stands in for it.
    pub async fn handle<U>(
        self: &Arc<Self>,
        asked: Asked<U::Content, U::Body>,
        upstream: U,
    ) -> Result<Served<U::Body, impl Future<Output = ()> + use<U>>, U::Error>
    where
        U: Upstream,
    {
        let answer = match asked.0 {
            Step::Finish(answer) => *answer,
            Step::Bring {
                mut asking,
                content,
                stale,
                reason,
            } => {
                asking.route = upstream.route(&asking.head.uri);
                self.bring(asking, content, stale, reason, &upstream)
                    .await?
            }
            Step::Change(key, request) => self.change(key, request, &upstream).await?,
            Step::Pass(reason, request) => self.pass(request, reason, &upstream).await?,
        };
        self.counters.count(&answer.status);
        let background = answer.tasks.into_work(Arc::clone(self), upstream);
        Ok(Served {
            response: answer.response,
            background,
            status: answer.status,
        })
    }

    /// Removes what is stored in memory, or marks it stale; returns how many responses that were. A shared level is told
    /// before it is used again, or at once by [`Self::tell_shared_level`].
    pub fn purge(&self, what: &Purge, mode: PurgeMode) -> u64 {
        // First, so that nothing that is purged from memory is brought back from there.
        if let Some(level) = &self.second_level {
            level.note(what, mode);
        }
        self.store.purge(what, mode)
    }

    /// The same for several, giving other work of the thread its turn again and again: a group of ten thousand responses takes
    /// tens of milliseconds. Dropped before they are done, they are done at once.
    pub async fn purge_in_turns(&self, all: &[Purge], mode: PurgeMode) -> u64 {
        let steps = all.iter().flat_map(|what| {
            if let Some(level) = &self.second_level {
                level.note(what, mode);
            }
            self.store.purge_in_steps(what, mode)
        });
        let mut purging = Purging(steps);
        let mut count = 0;
        let mut in_this_turn = 0;
        for purged in purging.0.by_ref() {
            count += purged;
            in_this_turn += purged;
            if in_this_turn >= PURGE_BATCH as u64 {
                in_this_turn = 0;
                turns(1).await;
            }
        }
        count
    }

    /// Removes everything from memory. What a shared level has stays there: it belongs to other caches as well.
    pub fn clear(&self) {
        self.store.purge(&Purge::All, PurgeMode::Hard);
    }

    /// Figures of what is stored.
    #[must_use]
    pub fn store_statistics(&self) -> StoreStatistics {
        self.store.statistics()
    }

    /// How requests were answered.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.counters.read()
    }
}

/// The steps that are left of a purge.
struct Purging<I: Iterator>(I);

impl<I: Iterator> Drop for Purging<I> {
    fn drop(&mut self) {
        self.0.by_ref().for_each(drop);
    }
}

/// Which way a request takes.
pub enum Way<Q, B> {
    /// No further: it has its answer, and `Cache-Status` in it says this.
    Answered(Response<CacheBody<B>>, CacheStatus),
    /// Past the cache: it is forwarded as it is, and [`Cache::passed`] sees the response. What the ways through the cache
    /// keep of a request in order to store the response takes a quarter of the time of a small function.
    Past(Passing, Request<Q>),
    /// Through [`Cache::handle`].
    Through(Asked<Q, B>),
}

/// A request with what is to be done about it.
pub struct Asked<Q, B>(Step<Q, B>);

/// What is to be done about a request.
enum Step<Q, B> {
    /// It has its answer, which leaves something to do.
    Finish(Box<Answer<B>>),
    /// A response is to be brought.
    Bring {
        asking: Asking,
        content: Q,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    },
    /// It changes the resource.
    Change(CacheKey, Request<Q>),
    /// The cache has nothing to do with it.
    Pass(ForwardReason, Request<Q>),
}

/// What a request wants of the cache.
#[derive(Debug)]
enum Purpose {
    /// A representation, which may be stored.
    Read(CacheKey),
    /// To change the resource.
    Change(CacheKey),
    /// Nothing that is stored.
    Neither(ForwardReason),
}

impl Purpose {
    fn of<Q>(request: &Request<Q>, is_plain: bool) -> Self {
        let Some(key) = CacheKey::of_request(request) else {
            return Self::Neither(ForwardReason::Bypass);
        };
        let headers = request.headers();
        if is_plain && !storing::steers_the_origin(headers, &key) {
            return Self::Read(key);
        }
        match *request.method() {
            // The key does not have the content, so an answer that follows from it must not be stored under the key.
            Method::GET | Method::HEAD if storing::has_content(headers) => {
                Self::Neither(ForwardReason::Bypass)
            }
            // Its answer is for nobody else, and what the origin says of it freshens nothing that is stored.
            Method::GET | Method::HEAD if storing::steers_the_origin(headers, &key) => {
                Self::Neither(ForwardReason::Bypass)
            }
            Method::GET | Method::HEAD if conditional::is_for_the_origin(headers) => {
                Self::Neither(ForwardReason::Bypass)
            }
            Method::GET | Method::HEAD => Self::Read(key),
            Method::OPTIONS | Method::TRACE | Method::CONNECT => {
                Self::Neither(ForwardReason::Method)
            }
            // Of other methods nothing is known, so they count as unsafe (RFC 9111 §4.4).
            _ => Self::Change(key),
        }
    }
}

/// A response, how the cache took part in it, and what is left to do.
struct Answer<B> {
    response: Response<CacheBody<B>>,
    status: CacheStatus,
    tasks: Tasks<B>,
}

/// What the service behind the cache may say about one response, in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOverride {
    /// It is not stored, whatever its fields say.
    Never,
}

#[cfg(test)]
mod tests;
