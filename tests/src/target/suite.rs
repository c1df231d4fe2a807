//! The claims about the RealWorld API against one server that is started once, since it starts slowly.

use std::env;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;

use crate::realworld::{Api, Claim, claims};

/// How many claims are checked at once: enough that none waits for the client, few enough that the server of a
/// developer's machine is not what is tested.
const AT_ONCE: usize = 4;

/// Holds the claims whose names contain this word only.
const CLAIM_VARIABLE: &str = "TERRACE_CLAIM";

/// Checks every claim, or those that `TERRACE_CLAIM` chooses, and says of each by name whether it holds.
///
/// # Panics
/// When one does not hold, after all were checked.
pub async fn all_hold(api: Api) {
    let chosen = env::var(CLAIM_VARIABLE).unwrap_or_default();
    let api = Arc::new(api);
    let checks = claims()
        .into_iter()
        .filter(|claim| claim.name.contains(&chosen))
        .map(|claim| holds(claim, Arc::clone(&api)));
    let held: Vec<bool> = futures::stream::iter(checks)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (all, failed) = (held.len(), held.iter().filter(|held| !**held).count());
    println!("{} claims hold, {failed} do not", all - failed);
    assert!(
        all > 0,
        "no claim has {chosen:?} in its name, as {CLAIM_VARIABLE} wants"
    );
    assert_eq!(failed, 0, "claims that do not hold are named above");
}

async fn holds(claim: Claim, api: Arc<Api>) -> bool {
    let start = Instant::now();
    // In a task of its own, a failed claim is one result and not the end of the others.
    let outcome = tokio::spawn((claim.check)(api)).await;
    let mark = if outcome.is_ok() { "holds" } else { "FAILED" };
    println!(
        "{mark:>8} {:>6.2} s  {}",
        start.elapsed().as_secs_f64(),
        claim.name
    );
    if let Err(error) = &outcome {
        println!("{error}");
    }
    outcome.is_ok()
}
