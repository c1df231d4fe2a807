//! The `terrace` command. What it does is in [`terrace_runtime::cli`].

use std::process::ExitCode;

/// A request makes some hundred short-lived allocations, of which the system's allocator made a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    terrace_runtime::cli::run()
}
