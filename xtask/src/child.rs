//! A child process that prints lines of JSON. Dropping it ends it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Outcome, process};

/// A running program.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// The command line that starts it.
    words: String,
}

impl Program {
    /// Starts it and reads its standard output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        let words = process::words(command);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped
            .spawn()
            .map_err(|error| format!("cannot start `{words}`: {error}"))?;
        let output = child
            .stdout
            .take()
            .expect("standard output was piped above");
        let (sender, lines) = mpsc::channel();
        // The thread ends with the output, or when the receiver is gone.
        thread::spawn(move || {
            let lines = BufReader::new(output)
                .lines()
                .map_while(std::io::Result::ok);
            lines.into_iter().all(|line| sender.send(line).is_ok())
        });
        Ok(Self {
            child,
            lines,
            words,
        })
    }

    /// Waits for the next line of JSON in which `find` finds something.
    ///
    /// # Errors
    /// When it ends first, or prints no such line within `limit`.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        find: impl Fn(&Value) -> Option<T>,
    ) -> Outcome<T> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line =
                line.map_err(|_| format!("`{}` printed no {what} within {limit:?}", self.words))?;
            let found = serde_json::from_str(&line)
                .ok()
                .and_then(|line| find(&line));
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn tell(&mut self, line: &str) -> Outcome {
        let input = self
            .child
            .stdin
            .as_mut()
            .expect("standard input was piped above");
        Ok(writeln!(input, "{line}")?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn first_line_that_fits_is_found_among_others() {
        let mut program = shell("echo noise; echo '{\"b\": 1}'; echo '{\"a\": 2}'");
        let found = program.wait_for("a", Duration::from_secs(20), |line| line["a"].as_u64());
        assert_eq!(found.unwrap(), 2);
    }

    #[test]
    fn program_that_ends_without_the_line_is_an_error_that_names_it() {
        let error = shell("exit 3").wait_for("a", Duration::from_secs(20), |_| Some(()));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("`sh -c exit 3` printed no a"), "{error}");
    }

    #[test]
    fn program_reads_what_it_is_told() {
        let mut program = shell("read line; echo \"{\\\"heard\\\": \\\"$line\\\"}\"");
        program.tell("yes").unwrap();
        let heard = program.wait_for("answer", Duration::from_secs(20), |line| {
            line["heard"].as_str().map(str::to_owned)
        });
        assert_eq!(heard.unwrap(), "yes");
    }
}
