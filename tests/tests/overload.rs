//! Promise: a server with more work than processor time refuses the excess early, and only where the time goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use terrace_tests::client::request;
use terrace_tests::contract::failure;
use terrace_tests::load::{Call, OpenLoop, at_once, calls};
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};
use tokio::time::Instant;

/// More than a server with two workers works on in overload.
const CLIENTS: usize = 150;

/// Computes for some milliseconds.
const WORK: &str = "/busy/compute/2";

/// One component computes, the other does next to nothing. Responses are not kept.
async fn app() -> Running {
    App::new()
        .component("busy", guest("faults-p3"))
        .route("/busy/...")
        .component("quiet", guest("faults-p3"))
        .route("/quiet/...")
        .config("[listen]\nworkers = 2\n[cache]\nmemory = \"off\"")
        .start()
        .await
}

/// Clients that ask for work again and again, until the end is called. Gives how many responses were refusals, and how many
/// not.
async fn load(app: &Running, ended: &AtomicBool) -> (usize, usize) {
    let counts = at_once(CLIENTS, async |_| {
        let (mut refused, mut served) = (0, 0);
        while !ended.load(Ordering::Relaxed) {
            let answer = app.get(WORK).await;
            if answer.status == 200 {
                served += 1;
                continue;
            }
            assert_eq!(answer.header("retry-after"), "1", "{}", answer.text());
            answer.expect_problem(503, failure::OVERLOADED);
            refused += 1;
        }
        (refused, served)
    });
    let add = |(refused, served), (more, others)| (refused + more, served + others);
    counts.await.into_iter().fold((0, 0), add)
}

#[tokio::test]
async fn the_excess_is_refused_and_others_are_served() {
    let app = app().await;
    let ended = AtomicBool::new(false);
    let meanwhile = async {
        until("the first refusal", async || {
            let text = app.admin("/metrics").await.text();
            text.contains(failure::OVERLOADED).then_some(())
        })
        .await;
        for _ in 0..20 {
            let answer = app.get("/quiet/ok").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(app.admin("/readyz").await.status, 200);
        }
        ended.store(true, Ordering::Relaxed);
    };
    let ((refused, served), ()) = tokio::join!(load(&app, &ended), meanwhile);
    assert!(refused > 0 && served > 0, "{refused} and {served}");
    // Nothing of it is left: as many as before come at once, and are served, since they do not come again.
    until("the end of the overload", async || {
        let answers = at_once(40, async |_| app.get("/busy/ok").await).await;
        let fine = answers.iter().all(|answer| answer.status == 200);
        fine.then_some(())
    })
    .await;
}

/// The rate of good responses, and the time within which 99 of 100 of them came.
fn judge(calls: &[Call], seconds: f64) -> (f64, Duration) {
    let mut times: Vec<_> = calls
        .iter()
        .filter(|call| call.is_fine())
        .map(Call::taken)
        .collect();
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    (times.len() as f64 / seconds, p99)
}

#[tokio::test]
#[ignore = "prints figures, which are for people to judge"]
async fn figures_of_overload() {
    const SECONDS: u32 = 8;
    /// So heavy that the generator, which shares the processors, can send five times as much.
    const WORK: &str = "/busy/compute/8";
    let app = app().await;
    let begun = Instant::now();
    calls(1000, 16, async |_| app.get(WORK).await).await;
    let capacity = 1000.0 / begun.elapsed().as_secs_f64();
    println!("capacity: {capacity:.0} requests per second");
    for times in [0.8, 1.0, 2.0, 5.0, 0.8] {
        let url = app.url(WORK);
        let rate = (capacity * times) as u32;
        let load = OpenLoop::start(rate, move |_| request(Method::GET, &url, &[], Bytes::new()));
        load.go_on_for((rate * SECONDS) as usize).await;
        let calls = load.finish().await;
        let (goodput, p99) = judge(&calls, f64::from(SECONDS));
        println!("{times} times: {goodput:.0} good responses per second, p99 {p99:?}");
    }
}
