//! The command line: what can be asked for, what is said about it, and how the process ends.
//! What is asked for is done by `serving`, `manifest` and the modules below.

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod build;
mod cache;
mod check;
mod completions;
mod console;
mod dev;
mod edge;
mod error;
mod event;
mod new;
mod selection;
#[cfg(test)]
mod tests;
mod up;

use arguments::{Arguments, Command};
use console::Console;
use error::CommandError;

/// Does what the process was asked for, and says how it went: 0 is fine, 1 means that the operation
/// failed, 2 that the arguments, the manifest or the settings are wrong.
#[must_use]
pub fn run() -> ExitCode {
    // Ends the process itself on `--help` (0) and on wrong arguments (2).
    let arguments = Arguments::parse();
    let console = Console::new(arguments.command.json());
    match execute(&arguments.command, console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            error.exit_code()
        }
    }
}

fn execute(command: &Command, console: Console) -> Result<(), CommandError> {
    match command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments, console),
        Command::Up(arguments) => up::run(arguments, console),
        Command::Dev(arguments) => dev::run(arguments, console),
        Command::Edge(arguments) => edge::run(arguments, console),
        Command::Cache { command } => cache::run(command, console),
        Command::Check(arguments) => check::run(arguments, console),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
