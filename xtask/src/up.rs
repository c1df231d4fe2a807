//! `cargo xtask up`: sets up, builds everything, and serves the sample app.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use crate::{Outcome, guests, process, setup, workspace::Workspace};

/// Where `terrace up` listens when it is not told.
const DEFAULT_LISTEN_ADDRESS: &str = "127.0.0.1:3000";

/// Builds and then becomes `terrace up`, so that signals reach the server itself. Returns only on failure.
///
/// # Errors
/// When something does not build or the server cannot be started.
pub(crate) fn serve(workspace: &Workspace, arguments: &[OsString]) -> Outcome {
    guests::build(workspace, setup::guest_toolchain()?)?;
    process::run(
        workspace
            .cargo()?
            .args(["build", "--release", "--package", "terrace"]),
    )?;
    eprintln!(
        "\nStarting. When it says that it is ready, try:\n  {}\n",
        first_request(arguments)
    );
    let mut terrace = Command::new(workspace.target.join("release/terrace"));
    let error = terrace
        .current_dir(&workspace.root)
        .arg("up")
        .args(arguments)
        .exec();
    Err(format!(
        "cannot start {}: {error}",
        terrace.get_program().to_string_lossy()
    )
    .into())
}

/// A request that the sample app answers.
fn first_request(arguments: &[OsString]) -> String {
    let address = listen_address(arguments).unwrap_or_else(|| DEFAULT_LISTEN_ADDRESS.to_owned());
    format!("curl http://{address}/hello")
}

/// The value of `--listen ADDRESS` or `--listen=ADDRESS`.
fn listen_address(arguments: &[OsString]) -> Option<String> {
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        if argument == "--listen" {
            return arguments.next().map(Into::into);
        }
        if let Some(address) = argument.strip_prefix("--listen=") {
            return Some(address.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: &str) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        assert_eq!(first_request(&arguments), expected);
    }

    #[test]
    fn first_request_goes_where_the_server_listens() {
        check(&[], "curl http://127.0.0.1:3000/hello");
        check(
            &["--json", "--listen", "127.0.0.1:8080"],
            "curl http://127.0.0.1:8080/hello",
        );
        check(&["--listen=[::1]:8080"], "curl http://[::1]:8080/hello");
    }
}
