//! Runs one build command in a shell.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};

use crate::fault::Reason;
use crate::manifest::Build;
use crate::server::SOCKET_VARIABLES;

/// Where the output of a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// It is kept, and shown if the command fails.
    Captured,
    /// It goes to standard error at once.
    Streamed,
}

/// A command that is ready to run in the `workdir` of the manifest.
///
/// # Errors
/// `workdir` is not a directory.
pub(super) fn command(build: &Build, text: &str) -> Result<Command, Reason> {
    if !build.workdir.is_dir() {
        let message = format!("`{}` is not a directory", build.workdir.display());
        return Err(Reason::new(message).help("mend `workdir` in `[component.ID.build]`"));
    }
    let mut command = Command::new("sh");
    SOCKET_VARIABLES.iter().for_each(|variable| {
        command.env_remove(variable);
    });
    command
        .args(["-c", text])
        .current_dir(&build.workdir)
        .envs(build.environment.iter().cloned())
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs a command to its end. Captured output is added to `captured`.
///
/// # Errors
/// The command cannot be run, or fails.
pub(super) fn run(
    command: Command,
    text: &str,
    output: Output,
    captured: &mut String,
) -> Result<(), Reason> {
    let status = match output {
        Output::Streamed => stream(command),
        Output::Captured => capture(command, captured),
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{text}` ended with {status}").into()),
        Err(error) => Err(format!("`{text}` cannot be run: {error}").into()),
    }
}

/// Standard output is for results that programs read, so the command writes to standard error.
fn stream(mut command: Command) -> io::Result<ExitStatus> {
    command
        .stdout(io::stderr())
        .stderr(Stdio::inherit())
        .status()
}

/// Both outputs through one pipe, so that their lines stay in order.
fn capture(mut command: Command, captured: &mut String) -> io::Result<ExitStatus> {
    let (mut reader, writer) = io::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // It holds the writing ends of the pipe. With them open, the reading would never end.
    drop(command);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    captured.push_str(&String::from_utf8_lossy(&bytes));
    child.wait()
}
