//! `cargo xtask up`: sets up, builds everything, and serves the sample app.

use std::{
    ffi::OsString,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::{
    Outcome, guests, postgres, process, progress,
    setup::{self, GuestToolchain},
    workspace::Workspace,
};

/// The default address of `terrace up`.
const DEFAULT_LISTEN_ADDRESS: &str = "127.0.0.1:3000";

/// The profile of the program: see `Cargo.toml`.
pub(crate) const PROFILE: &str = "up";

/// An option of this task and not of `terrace up`: a Postgres server beside the app.
const POSTGRES: &str = "--postgres";

/// The file of settings, by which `terrace up` finds the server.
const SETTINGS: &str = "terrace.toml";

/// Builds and then becomes `terrace up`, so that signals reach the server itself. Returns only on failure.
///
/// # Errors
/// When something does not build or a server cannot be started.
pub(crate) fn serve(workspace: &Workspace, mut arguments: Vec<OsString>) -> Outcome {
    let given = arguments.len();
    arguments.retain(|argument| argument != POSTGRES);
    if arguments.len() < given {
        check_settings(&workspace.root, &arguments)?;
        postgres::install()?;
        let settings = with_postgres(&workspace.target.join("postgres"))?;
        arguments.extend(["--config".into(), settings.into()]);
    }
    let arguments = &arguments[..];
    eprintln!("step 1 of 3: finding the WebAssembly target");
    let toolchain = setup::guest_toolchain()?;
    eprintln!(
        "step 2 of 3: building the server and the functions; the first time takes some minutes"
    );
    build(workspace, toolchain)?;
    eprintln!(
        "step 3 of 3: starting the server. Once it is ready, try:\n  {}\n",
        first_request(arguments)
    );
    let mut terrace = Command::new(workspace.target.join(PROFILE).join("terrace"));
    let error = terrace
        .current_dir(&workspace.root)
        .arg("up")
        .args(arguments)
        .exec();
    Err(process::cannot_start(&terrace, &error).into())
}

/// Starts a Postgres server, which keeps its data in `folder`, and writes the settings that name it.
fn with_postgres(folder: &Path) -> Outcome<PathBuf> {
    let url = postgres::serve(folder)?;
    let settings = folder.join(SETTINGS);
    eprintln!(
        "Postgres keeps its data in {}; other commands reach it with --config {}",
        folder.display(),
        settings.display()
    );
    fs::write(&settings, format!("[sql.default]\nurl = {url:?}\n"))?;
    Ok(settings)
}

/// `terrace up` reads one file of settings.
fn check_settings(root: &Path, arguments: &[OsString]) -> Outcome {
    let mut words = arguments.iter().map(|argument| argument.to_string_lossy());
    let is_named = words.any(|word| word == "--config" || word.starts_with("--config="));
    if is_named || root.join(SETTINGS).exists() {
        let help = "name a server under [sql.default] in your settings instead";
        return Err(format!("{POSTGRES} brings settings of its own: {help}").into());
    }
    Ok(())
}

/// Builds the functions and the server at the same time, so that no core is idle while a large crate keeps another one busy.
///
/// # Errors
/// When one of them does not compile.
pub(crate) fn build(workspace: &Workspace, toolchain: GuestToolchain) -> Outcome {
    let packages = progress::packages_of(workspace.cargo()?, "terrace")?;
    thread::scope(|scope| {
        let functions = scope.spawn(|| {
            let built = guests::build_with(&["--quiet"], workspace, toolchain);
            // The boxed errors are not `Send`.
            built.map_err(|error| error.to_string())
        });
        let mut cargo = workspace.cargo()?;
        cargo.args([
            "build",
            "--workspace",
            "--bin",
            "terrace",
            "--profile",
            PROFILE,
        ]);
        let server = progress::build(&mut cargo, "terrace", packages);
        let functions = functions.join().expect("building does not panic");
        server.and(functions.map(drop).map_err(Into::into))
    })
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
    fn settings_of_the_user_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let check = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            check_settings(folder.path(), &arguments).is_ok()
        };
        assert!(check(&["--listen", "127.0.0.1:8080"]));
        assert!(!check(&["--config", "mine.toml"]) && !check(&["--config=mine.toml"]));
        fs::write(folder.path().join(SETTINGS), "").unwrap();
        assert!(!check(&[]));
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
