//! Where else the functions run than in `terrace`: each target is started as its users start it.
//!
//! A target that is not on this machine is no failure; the test says that it was not run.

pub mod native;
mod suite;
pub mod wrangler;

use std::path::PathBuf;

pub use suite::{Claim, all_hold};

use crate::process::Process;

/// A server that is not `terrace`. It ends with it.
#[derive(Debug)]
pub struct Served {
    /// The process.
    pub process: Process,
    /// Where requests go: `http://ADDRESS`.
    pub http: String,
}

impl Served {
    /// Waits until a process prints the URL at which it serves, after `announcement`.
    ///
    /// # Panics
    /// When it ends before that, or takes too long.
    pub async fn ready(mut process: Process, announcement: &str) -> Self {
        let url = |line: &str| {
            let (_, rest) = line.split_once(announcement)?;
            let url = rest.split_whitespace().next()?;
            url.starts_with("http://")
                .then(|| url.trim_end_matches('/').to_owned())
        };
        let http = process.until_line("where it serves", url).await;
        Self { process, http }
    }
}

/// Says that a test was not run, and what to do so that it is. `cargo xtask test` repeats the line at its end.
pub fn not_run(what: &str, remedy: &str) {
    println!("not run: {what}: {remedy}");
}

/// The command line of wasmtime, if there is one.
#[must_use]
pub fn wasmtime() -> Option<PathBuf> {
    crate::process::installed("WASMTIME_BIN", "wasmtime")
}
