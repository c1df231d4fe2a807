//! The command line: the commands, their output, and the exit code of the process.
//! Reading manifests and serving apps is left to `manifest`, `serving` and the modules below them.

use std::process::ExitCode;

use clap::Parser;

mod admin;
mod advice;
mod answer;
mod arguments;
mod backed_up;
mod backup;
mod bar;
mod build;
mod bundle;
mod bundled;
mod cache;
mod check;
mod completions;
mod console;
mod deploy;
mod deployed;
mod dev;
mod edge;
mod error;
mod event;
pub mod limits;
mod messages;
mod moving;
mod new;
mod paths;
mod queue;
mod selection;
mod service_manager;
mod sql;
#[cfg(test)]
mod tests;
mod up;
mod watch_pattern;

use arguments::{Arguments, Command};
use console::Console;
use error::CommandError;

/// Runs the command that the process was started with. The exit code is 0 if it succeeded, 1 if it failed, and 2 if
/// the arguments, the manifest or the settings are wrong.
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
        Command::Bundle(arguments) => bundle::run(arguments, console),
        Command::Up(arguments) => up::run(arguments, console),
        Command::Dev(arguments) => dev::run(arguments, console),
        Command::Edge(arguments) => edge::run(arguments, console),
        Command::Ready(arguments) => admin::ready(admin::address(arguments)?),
        Command::Cache { command } => cache::run(command, console),
        Command::Queue { command } => queue::run(command, console),
        Command::Sql { command } => sql::run(command, console),
        Command::Backup(arguments) => backup::make(arguments, console),
        Command::Restore(arguments) => backup::restore(arguments, console),
        Command::Deploy(arguments) => deploy::run(arguments, console),
        Command::Check(arguments) => check::run(arguments, console),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
