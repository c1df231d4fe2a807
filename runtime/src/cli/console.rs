//! Prints results to standard output and everything else to standard error. With `--json` all events go to standard
//! output, one object per line. `event` has the texts.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use super::error::CommandError;
use super::event::Event;
use crate::environment;
use crate::fault::Style;

/// The two outputs of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    json: bool,
    terminal: bool,
    style: Style,
}

impl Console {
    /// The console of this process, for a program if `json` is set.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            json,
            terminal,
            style: match environment::wants_colour(terminal) {
                true => Style::Coloured,
                false => Style::Plain,
            },
        }
    }

    /// Whether events are printed as JSON.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Whether a terminal can show progress in place.
    pub(crate) fn interactive(self) -> bool {
        self.terminal && !self.json
    }

    /// Whether colours are wanted.
    pub(crate) fn coloured(self) -> bool {
        self.style == Style::Coloured
    }

    /// Prints an event.
    pub(crate) fn tell(self, event: &Event<'_>) {
        if self.json {
            match serde_json::to_string(event) {
                Ok(line) => print(line),
                Err(error) => note(error),
            }
        } else if event.is_result() {
            print(event);
        } else {
            note(event);
        }
    }

    /// Names a command that may follow, to people.
    pub(crate) fn next(self, step: impl Display) {
        if !self.json {
            note(format_args!("    next: {step}"));
        }
    }

    /// Prints why a command failed.
    pub(crate) fn error(self, error: &CommandError) {
        match error {
            CommandError::Faults(faults) if self.json => {
                faults.0.iter().for_each(|fault| self.tell(&fault.into()));
            }
            CommandError::Faults(faults) => note(faults.styled(self.style)),
            CommandError::Build(failure) => self.tell(&failure.event()),
            CommandError::Failed(reason) => self.tell(&reason.into()),
        }
    }
}

/// Writes a line to standard output. It is lost if the reader has gone away.
pub(crate) fn print(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a line to standard error, as a whole: several processes may share a terminal, and standard error has no buffer.
fn note(line: impl Display) {
    let _ = io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}
