//! Runs other programs: returns their output, and errors that name them.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::Outcome;

/// Runs a program and shows its output.
///
/// # Errors
/// When it cannot be started or does not end with exit code 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|error| cannot_start(command, &error))?;
    expect_success(command, status)
}

/// Runs a program and returns its standard output, without the last line end.
///
/// # Errors
/// When it cannot be started or does not end with exit code 0; the message contains its standard error.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{}` failed ({}):\n{}",
        words(command),
        output.status,
        printed.trim_end()
    )
    .into())
}

/// Runs a program, shows its standard output line by line, and returns it.
///
/// # Errors
/// When it cannot be started or read, or does not end with exit code 0.
pub(crate) fn output_shown(command: &mut Command) -> Outcome<String> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let heard = listen(
        child
            .stdout
            .take()
            .expect("standard output was piped above"),
    )?;
    expect_success(command, child.wait()?)?;
    Ok(heard)
}

/// Whether a program starts and ends with exit code 0. Its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a program, shows its standard error line by line, and returns it with the exit status.
///
/// # Errors
/// When it cannot be started or read from.
pub(crate) fn run_and_listen(command: &mut Command) -> Outcome<(ExitStatus, String)> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let heard = listen(child.stderr.take().expect("standard error was piped above"))?;
    Ok((child.wait()?, heard))
}

/// Reads to the end, and shows each line on standard error as it comes.
fn listen(pipe: impl Read) -> io::Result<String> {
    let mut heard = String::new();
    let mut lines = BufReader::new(pipe);
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(heard);
        }
        let line = String::from_utf8_lossy(&line);
        eprint!("{line}");
        heard.push_str(&line);
    }
}

/// Runs a program for at most `limit`, because it may wait for a network for ever.
///
/// # Errors
/// When it cannot be started, fails, or still runs after `limit` and is killed; the message contains its standard error.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Outcome {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = quiet
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let mut stderr = child.stderr.take().expect("standard error was piped above");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut printed = String::new();
        let read = stderr.read_to_string(&mut printed);
        // The receiver is gone only after the limit, when nobody needs the output.
        drop(sender.send(read.map(|_| printed)));
    });
    let Ok(printed) = receiver.recv_timeout(limit) else {
        child.kill()?;
        child.wait()?;
        return Err(format!("`{}` did not end within {limit:?}", words(command)).into());
    };
    let (status, printed) = (child.wait()?, printed?);
    expect_success(command, status)
        .map_err(|error| format!("{error}:\n{}", printed.trim_end()).into())
}

/// The program and its arguments, as a user would type them.
pub(crate) fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// An error that names the program, unless it ended with exit code 0.
///
/// # Errors
/// When it did not.
pub(crate) fn expect_success(command: &Command, status: ExitStatus) -> Outcome {
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", words(command)).into())
    }
}

/// Why a program could not be started.
pub(crate) fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!(
        "cannot start `{}`: {error}",
        command.get_program().to_string_lossy()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_returned_without_the_last_line_end() {
        assert_eq!(
            output(&mut shell("echo one; echo two")).unwrap(),
            "one\ntwo"
        );
    }

    #[test]
    fn failure_names_the_program_and_what_it_printed() {
        let error = output(&mut shell("echo why >&2; exit 3"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c") && error.contains("exit status: 3") && error.contains("why"),
            "{error}"
        );
    }

    #[test]
    fn missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("cannot start `no-such-program`"),
            "{error}"
        );
    }

    #[test]
    fn program_that_hangs_ends_at_its_limit() {
        // `exec`, so that the killed process is the one with standard error open.
        let error = run_within(&mut shell("exec sleep 600"), Duration::from_millis(50))
            .unwrap_err()
            .to_string();
        assert!(error.contains("did not end within 50ms"), "{error}");
    }

    #[test]
    fn output_that_is_shown_is_kept_too() {
        let mut script = shell("echo one; echo two");
        assert_eq!(output_shown(&mut script).unwrap(), "one\ntwo\n");
        assert!(output_shown(&mut shell("echo one; exit 1")).is_err());
    }

    #[test]
    fn listening_keeps_standard_error_and_the_status() {
        let (status, heard) = run_and_listen(&mut shell("echo a >&2; echo b >&2; exit 1")).unwrap();
        assert_eq!((status.code(), heard.as_str()), (Some(1), "a\nb\n"));
    }
}
