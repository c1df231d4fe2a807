//! Claims about one server, which is started once for all of them because it starts slowly.

use std::env;
use std::rc::Rc;
use std::time::Instant;

use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use tokio::task::{LocalSet, spawn_local};

use crate::log::Log;

/// How many claims are checked at once: enough that none waits for the client, few enough that the server of a
/// developer's machine is not what is tested.
const AT_ONCE: usize = 4;

/// Chooses the claims whose names contain its value.
const CLAIM_VARIABLE: &str = "TERRACE_CLAIM";

/// A claim about a server.
#[derive(Debug)]
pub struct Claim<S> {
    /// The name of its function.
    pub name: &'static str,
    /// Checks it, and panics where it does not hold.
    pub check: fn(Rc<S>) -> LocalBoxFuture<'static, ()>,
}

/// A list of claims from functions that check them: `claims![articles::others_change_nothing, ...]`.
#[macro_export]
macro_rules! claims {
    ($($($segment:ident)::+),* $(,)?) => { vec![$($crate::target::Claim {
        name: stringify!($($segment)::+),
        check: |server| Box::pin(async move { $($segment)::+(&server).await }),
    }),*] };
}

/// Checks every claim, or those that `TERRACE_CLAIM` chooses, and says of each by name whether it holds. If one does
/// not, what the server has printed follows.
///
/// # Panics
/// When one does not hold, after all were checked.
pub async fn all_hold<S: 'static>(server: S, claims: Vec<Claim<S>>, log: Option<&Log>) {
    let chosen = env::var(CLAIM_VARIABLE).unwrap_or_default();
    let server = Rc::new(server);
    let checks = claims
        .into_iter()
        .filter(|claim| claim.name.contains(&chosen))
        .map(|claim| holds(claim, Rc::clone(&server)));
    let checks = futures::stream::iter(checks).buffer_unordered(AT_ONCE);
    let held: Vec<bool> = LocalSet::new().run_until(checks.collect()).await;
    let failed = held.iter().filter(|held| !**held).count();
    println!("{} claims hold, {failed} do not", held.len() - failed);
    if let Some(log) = log.filter(|_| failed > 0) {
        println!("The server has printed:\n{}", log.text());
    }
    assert_eq!(failed, 0, "the claims that do not hold are named above");
}

async fn holds<S>(claim: Claim<S>, server: Rc<S>) -> bool {
    let start = Instant::now();
    // In a task of its own, a failed claim is one result and not the end of the others.
    let outcome = spawn_local((claim.check)(server)).await;
    let mark = if outcome.is_ok() { "holds" } else { "FAILED" };
    println!(
        "{mark:>8} {:>6.2} s  {}",
        start.elapsed().as_secs_f64(),
        claim.name.replace(' ', "")
    );
    if let Err(error) = &outcome {
        println!("{error}");
    }
    outcome.is_ok()
}
