//! Owns the counts that the nodes of a cluster share. While Redis does not answer, there are none, and each node counts by itself.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use storage::rate::{Buckets, Taken};

use super::limits::{SHARED_COUNT_PAUSE, SHARED_COUNT_TIMEOUT};
use crate::settings::Quota;

/// The buckets of one owner on Redis.
pub(super) struct Shared {
    buckets: Buckets,
    owner: String,
    begun: Instant,
    /// When Redis is asked again, in milliseconds; zero if it has answered the last time.
    asked_again: AtomicU64,
}

impl Shared {
    pub(super) fn new(buckets: Buckets, owner: &str, now: Instant) -> Self {
        Self {
            buckets,
            owner: owner.to_owned(),
            begun: now,
            asked_again: AtomicU64::new(0),
        }
    }

    /// Puts one request of a client into its bucket of a limit; `None` if Redis does not answer, or has not a moment ago.
    pub(super) async fn take(
        &self,
        limit: &str,
        client: IpAddr,
        quota: Quota,
        now: Instant,
    ) -> Option<Taken> {
        if self.milliseconds(now) < self.asked_again.load(Ordering::Relaxed) {
            return None;
        }
        let name = format!("{} {limit} {client}", self.owner);
        let Quota { requests, window } = quota;
        let deadline = now + SHARED_COUNT_TIMEOUT;
        let taken = self.buckets.take(&name, requests, window, deadline).await;
        let asked_again = match taken {
            Ok(_) => 0,
            Err(_) => self.milliseconds(now + SHARED_COUNT_PAUSE),
        };
        let was = self.asked_again.swap(asked_again, Ordering::Relaxed);
        match &taken {
            Err(failure) if was == 0 => {
                tracing::warn!(
                    "requests are not counted together with those of other nodes: {failure}"
                );
            }
            Ok(_) if was != 0 => {
                tracing::info!("requests are counted with those of other nodes again");
            }
            _ => {}
        }
        taken.ok()
    }

    /// Whether Redis did not answer.
    pub(super) fn is_out(&self) -> bool {
        self.asked_again.load(Ordering::Relaxed) != 0
    }

    fn milliseconds(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begun).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}
