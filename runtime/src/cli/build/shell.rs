//! One build command, run by the shell.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};

use crate::fault::Reason;
use crate::manifest::Build;

/// What becomes of the words of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// They are kept, to be shown if the command fails.
    Captured,
    /// They go to standard error as they come.
    Streamed,
}

/// A command that is ready to run where the manifest says.
///
/// # Errors
/// That place is not a directory.
pub(super) fn command(build: &Build, text: &str) -> Result<Command, Reason> {
    if !build.workdir.is_dir() {
        let message = format!("`{}` is not a directory", build.workdir.display());
        return Err(Reason::new(message).help("mend `workdir` in `[component.ID.build]`"));
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", text])
        .current_dir(&build.workdir)
        .envs(build.environment.iter().cloned())
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs a command to its end; what it prints is added to `captured`, if it is to be kept.
///
/// # Errors
/// The command cannot be run, or does not succeed.
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

/// Standard output is ours: a build command must not write between results that programs read.
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
    // It holds the writing ends of the pipe, which would never end.
    drop(command);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    captured.push_str(&String::from_utf8_lossy(&bytes));
    child.wait()
}
