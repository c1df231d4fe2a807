//! The program `terrace`. Its commands are in [`terrace_runtime::cli`].

use std::process::ExitCode;

/// A request makes some hundred short-lived allocations. With the system's allocator they took a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    terrace_runtime::cli::run()
}
