//! `terrace completions`.

use clap::CommandFactory;
use clap_complete::generate;

use super::arguments::{Arguments, CompletionsArguments};
use super::console;
use super::error::CommandError;

/// Prints the completion script of a shell.
pub(crate) fn run(arguments: &CompletionsArguments) -> Result<(), CommandError> {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    // Through memory, because the generator panics when its reader goes away.
    generate(arguments.shell, &mut command, "terrace", &mut script);
    console::print(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
