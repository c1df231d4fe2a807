//! Owns the choice of an origin for a request: the better one of two that are drawn at random, so that the edge needs no order of
//! all of them and does not send everything to the same best one. What is better is left to `endpoint`. Of several shields, each URL
//! has its own.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::moment::Moment;

/// An origin for a request.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) endpoint: Arc<Endpoint>,
    /// Whether the request is the probe of an ejected origin, which it has to end.
    pub(super) is_probe: bool,
}

/// Chooses an origin that was not `tried`. If all are ejected, the request is sent anyway: then the failures say more about
/// something else than about each of them. Without checks, requests probe. Shields are chosen by the `url`, and not
/// without one.
pub(super) fn choose(
    all: &[Arc<Endpoint>],
    tried: &[Arc<Endpoint>],
    url: Option<&UrlDigest>,
    requests_probe: bool,
    now: Moment,
    mut random: impl FnMut() -> u64,
) -> Option<Choice> {
    let is_untried = |endpoint: &&Arc<Endpoint>| !contains(tried, endpoint);
    if requests_probe {
        let mut ejected = all.iter().filter(is_untried);
        if let Some(endpoint) = ejected.find(|endpoint| endpoint.health.begin_probe(now)) {
            let (endpoint, is_probe) = (Arc::clone(endpoint), true);
            return Some(Choice { endpoint, is_probe });
        }
    }
    if let Some(endpoint) = url.and_then(|url| shield(all, tried, url)) {
        let is_probe = false;
        return Some(Choice { endpoint, is_probe });
    }
    let origins = || all.iter().filter(|endpoint| !endpoint.is_shield);
    let all_ejected = !origins().any(|endpoint| endpoint.health.is_healthy());
    let candidates = origins()
        .filter(is_untried)
        .filter(|endpoint| all_ejected || endpoint.health.is_healthy());
    let endpoint = better_of_two(candidates.collect(), now, &mut random)?;
    let (endpoint, is_probe) = (Arc::clone(endpoint), false);
    Some(Choice { endpoint, is_probe })
}

/// The edge before the origins that has the highest rank for the URL among those that are healthy (rendezvous hashing). All edges ask
/// the same one for one thing, so the origins are asked once; and if one fails, only its URLs go to others.
fn shield(
    all: &[Arc<Endpoint>],
    tried: &[Arc<Endpoint>],
    url: &UrlDigest,
) -> Option<Arc<Endpoint>> {
    let shields = all.iter().filter(|endpoint| endpoint.is_shield);
    let usable = shields.filter(|shield| shield.health.is_healthy() && !contains(tried, shield));
    usable.max_by_key(|shield| url.rank(shield.name())).cloned()
}

/// A digest of the URL of a request, which is the same on each edge.
pub(super) struct UrlDigest([u8; 32]);

impl UrlDigest {
    pub(super) fn of(host: &[u8], path_and_query: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(host)
            .update(b"\n")
            .update(path_and_query.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    fn rank(&self, server: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, server.as_bytes()).as_bytes()
    }
}

/// Whether another origin than these would take a request.
pub(super) fn has_other(all: &[Arc<Endpoint>], tried: &[Arc<Endpoint>]) -> bool {
    let mut others = all.iter().filter(|other| !contains(tried, other));
    others.any(|other| other.health.is_healthy())
}

fn contains(tried: &[Arc<Endpoint>], endpoint: &Arc<Endpoint>) -> bool {
    tried.iter().any(|tried| Arc::ptr_eq(tried, endpoint))
}

fn better_of_two<'e>(
    mut candidates: Vec<&'e Arc<Endpoint>>,
    now: Moment,
    random: &mut impl FnMut() -> u64,
) -> Option<&'e Arc<Endpoint>> {
    let first = draw(&mut candidates, random)?;
    let Some(second) = draw(&mut candidates, random) else {
        return Some(first);
    };
    let (better, worse) = if first.cost(now) <= second.cost(now) {
        (first, second)
    } else {
        (second, first)
    };
    // In slow start an origin takes a part only of what it would win.
    let share = better.health.share(now);
    Some(if share < 1.0 && part(random()) >= share {
        worse
    } else {
        better
    })
}

fn draw<'e>(
    candidates: &mut Vec<&'e Arc<Endpoint>>,
    random: &mut impl FnMut() -> u64,
) -> Option<&'e Arc<Endpoint>> {
    let count = u64::try_from(candidates.len()).ok()?;
    let index = random().checked_rem(count)?;
    Some(candidates.swap_remove(usize::try_from(index).ok()?))
}

/// A random number as a part of one.
#[allow(
    clippy::cast_precision_loss,
    reason = "the 53 bits that are left fit into a fraction"
)]
fn part(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
