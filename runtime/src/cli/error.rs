//! Why a command did not do what it was asked for, and the exit code that follows from it.

use std::process::ExitCode;

use super::build::BuildFailure;
use crate::fault::{Fault, Faults, Reason};
use crate::serving::StartError;

/// The exit code of an operation that failed.
const FAILED: u8 = 1;

/// The exit code of wrong arguments, manifests and settings; clap's own for arguments is the same.
const MISUSED: u8 = 2;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// What the user wrote is wrong.
    Faults(Faults),
    /// A component's build failed.
    Build(BuildFailure),
    /// Anything else went wrong.
    Failed(Reason),
}

impl CommandError {
    /// A wrong argument, which the user knows by `name`.
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
