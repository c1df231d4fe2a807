//! Waits that end: each has a deadline and says what it waited for.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

/// The longest that any single step of a test may take. Generous, because tests share few processors and the
/// first start compiles the guest; a failing test is the only one that waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The longest that a build from nothing may take: some hundred crates, on processors that other tests use as well.
pub const BUILD_PATIENCE: Duration = Duration::from_secs(900);
/// How often a state that announces itself by no event is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Awaits `step`, and fails the test with `what` when it takes too long.
///
/// # Panics
/// When it takes longer than [`PATIENCE`].
pub async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, step).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("waited {PATIENCE:?} in vain: {what}"),
    }
}

/// Awaits a build, and fails the test with `what` when it takes too long.
///
/// # Panics
/// When it takes longer than [`BUILD_PATIENCE`].
pub async fn within_a_build<T>(what: &str, build: impl Future<Output = T>) -> T {
    match timeout(BUILD_PATIENCE, build).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("waited {BUILD_PATIENCE:?} in vain: {what}"),
    }
}

/// Looks until `look` gives something, and fails the test with `what` when that takes too long.
///
/// # Panics
/// When it takes longer than [`PATIENCE`].
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut ticks = interval(LOOK_AGAIN);
    loop {
        ticks.tick().await;
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain: {what}"
        );
    }
}
