//! Promise: what the SDK offers is the same on every target, but for the differences that docs/targets.md lists.

use terrace_sdk::testing::Host;
use terrace_tests::portable::{OUTBOX, Portable, Target, VARIABLE, claims};
use terrace_tests::target::native::Native;
use terrace_tests::target::wrangler::{WRANGLER_REMEDY, Worker};
use terrace_tests::target::{all_hold, not_run};
use terrace_tests::{App, guest};

#[tokio::test]
async fn the_sdk_holds_as_native_code() {
    let native = Native::start(portable::handle, || {
        Host::new().variable(VARIABLE.0, VARIABLE.1)
    });
    all_hold(Portable::new(&native.http, Target::Native), claims(), None).await;
}

#[tokio::test]
async fn the_sdk_holds_on_terrace() {
    let (name, value) = VARIABLE;
    let app = App::new()
        .component("portable", guest("portable"))
        .route("/...")
        .grant("sqlite_databases = [\"default\"]")
        .grant("key_value_stores = [\"default\"]")
        .grant(&format!("variables = {{ {name} = {value:?} }}"))
        .grant("allowed_outbound_hosts = [\"http://jobs.queue.internal\"]")
        .limit("consumes = [{ queue = \"jobs\" }]")
        .limit("schedules = [{ name = \"tick\", cron = \"* * * * * *\" }]")
        .section("[application.tool.terrace]\noutbox = [\"default\"]\nmigrations = { default = \"migrations\" }")
        .file("migrations/0001_outbox.sql", OUTBOX)
        .start()
        .await;
    all_hold(
        Portable::new(&app.http, Target::Terrace),
        claims(),
        Some(&app.process.log),
    )
    .await;
}

#[tokio::test]
async fn the_sdk_holds_on_cloudflare() {
    let config = "tests/guests/portable/wrangler.toml";
    let Some(worker) = Worker::new("portable", config, &[]) else {
        return not_run("the SDK on Cloudflare's runtime", WRANGLER_REMEDY);
    };
    let served = worker.start().await;
    all_hold(
        Portable::new(&served.http, Target::Cloudflare),
        claims(),
        Some(&served.process.log),
    )
    .await;
}
