//! Why a command failed, and the exit code for it. Printing it is left to `console`.

use std::process::ExitCode;

use super::event::Event;
use crate::fault::{Fault, Faults, Reason};
use crate::serving::StartError;

/// The exit code of an operation that failed.
const FAILED: u8 = 1;

/// The exit code of wrong arguments, manifests and settings; clap's own for arguments is the same.
const MISUSED: u8 = 2;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// What the user wrote is wrong.
    Faults(Faults),
    /// A component's build failed.
    Build(BuildFailure),
    /// Anything else went wrong.
    Failed(Reason),
}

/// A component's build failed.
#[derive(Debug)]
pub(crate) struct BuildFailure {
    pub(crate) component: String,
    pub(crate) reason: Reason,
    /// The output of the commands, unless it was shown already.
    pub(crate) output: String,
}

impl BuildFailure {
    /// The failure as an event. The compiler's output comes first.
    pub(crate) fn event(&self) -> Event<'_> {
        let component = &self.component;
        let mut message = format!(
            "{}\nterrace: building `{component}` failed: {}",
            self.output.trim_end(),
            self.reason.message
        );
        if let Some(suggestion) = &self.reason.suggestion {
            message.push_str("\n    help: ");
            message.push_str(suggestion);
        }
        Event::BuildFailed {
            component,
            message: message.trim_start_matches('\n').to_owned(),
        }
    }
}

impl CommandError {
    /// A wrong argument, called `name` in the message.
    pub(crate) fn argument(name: &str, reason: impl Into<Reason>) -> Self {
        Self::Faults(Fault::new(name, reason).into())
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Faults(_) => MISUSED,
            Self::Build(_) | Self::Failed(_) => FAILED,
        })
    }
}

impl From<Faults> for CommandError {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl From<BuildFailure> for CommandError {
    fn from(failure: BuildFailure) -> Self {
        Self::Build(failure)
    }
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Faults(faults) => Self::Faults(faults),
            StartError::Failed(message) => Self::Failed(message.into()),
        }
    }
}
