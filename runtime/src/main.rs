//! The `terrace` command. What it does is in [`terrace_runtime::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    terrace_runtime::cli::run()
}
