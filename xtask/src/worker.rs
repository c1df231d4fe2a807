//! `cargo xtask worker`: builds a function for Cloudflare, prints its size, and serves it on workerd.

mod size;
mod wrangler;

use std::{
    ffi::OsString,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use self::{size::Bundle, wrangler::Wrangler};
use crate::{
    Outcome, process, setup, tools,
    workspace::{GUEST_FOLDERS, Workspace},
};

/// The folder for built Workers, from the root, with a folder for each. It is passed explicitly: each `wrangler.toml` names
/// a file in it, so no setting of the user may move it.
const WORKERS_FOLDER: &str = "target/worker";

/// The functions with a `wrangler.toml`. The last one is for the tests.
pub(crate) const FUNCTIONS: [&str; 3] = ["conduit", "hello", "portable"];

/// The function, and what to do with it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The function: a folder in `functions/`
    #[arg(default_value = "conduit")]
    function: String,
    /// Only build it, as the build command in `wrangler.toml` does
    #[arg(long, conflicts_with = "dev")]
    build_only: bool,
    /// Serve it on this machine: apply its migrations to a local database, then run `wrangler dev`
    #[arg(long)]
    dev: bool,
    /// Passed on to `wrangler dev`, after `--`
    #[arg(last = true, requires = "dev")]
    arguments: Vec<OsString>,
}

/// The task.
///
/// # Errors
/// When a tool can be neither found nor installed, the function does not build, or it is too large.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome {
    let function = &options.function;
    wrangler::copy_secrets(workspace, function)?;
    if options.build_only {
        return build(workspace, function);
    }
    let wrangler = Wrangler::installed(workspace, function)?;
    if options.dev {
        return serve(&wrangler, &options.arguments);
    }
    println!("{function}: {}", check(&wrangler)?);
    Ok(())
}

/// Builds all [`FUNCTIONS`] as for a deployment, and returns the path of wrangler, which can serve them.
///
/// # Errors
/// When a tool cannot be installed, or one of them does not build or is too large.
pub(crate) fn check_all(workspace: &Workspace) -> Outcome<PathBuf> {
    for function in FUNCTIONS {
        let bundle = check(&Wrangler::installed(workspace, function)?)?;
        eprintln!("{function}: {bundle}");
    }
    Ok(wrangler::install(workspace)?.join(".bin/wrangler"))
}

/// Builds a function and returns its size. wrangler builds it before it prints the size of the deployment.
fn check(wrangler: &Wrangler) -> Outcome<Bundle> {
    let printed = process::output_shown(&mut wrangler.command(&["deploy", "--dry-run"]))?;
    let bundle = Bundle::parse(&printed)
        .ok_or("`wrangler deploy --dry-run` did not say how large the Worker is")?;
    bundle.within_limit()
}

/// The folder of built Workers.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join(WORKERS_FOLDER)
}

/// Becomes `wrangler dev`. Returns only on failure.
fn serve(wrangler: &Wrangler, arguments: &[OsString]) -> Outcome {
    if wrangler.has_migrations()? {
        let mut apply = wrangler.command(&["d1", "migrations", "apply", "DB", "--local"]);
        // Without a terminal, wrangler does not ask for confirmation.
        apply.args(state_folder(arguments)).stdin(Stdio::null());
        process::run(&mut apply)?;
    }
    let mut dev = wrangler.command(&["dev"]);
    let error = dev.args(arguments).exec();
    Err(format!("cannot start `{}`: {error}", process::words(&dev)).into())
}

/// The two arguments that tell `wrangler dev` where to keep its databases, if they are given.
fn state_folder(arguments: &[OsString]) -> &[OsString] {
    let at = arguments
        .iter()
        .position(|argument| argument == "--persist-to");
    at.and_then(|at| arguments.get(at..at + 2))
        .unwrap_or_default()
}

/// The folder of a function, or of a guest of the tests.
fn source(root: &Path, function: &str) -> PathBuf {
    let folders = GUEST_FOLDERS.map(|folder| root.join(folder).join(function));
    let [functions, guests] = folders;
    if guests.exists() { guests } else { functions }
}

/// Builds a function with `worker-build`. Tools from the registries replace those that `worker-build` would download.
///
/// # Errors
/// When a tool cannot be installed, or the function does not build.
pub(crate) fn build(workspace: &Workspace, function: &str) -> Outcome {
    let source = source(&workspace.root, function);
    if !source.join("Cargo.toml").exists() {
        return Err(format!("`functions/` has no `{function}`").into());
    }
    let toolchain = setup::guest_toolchain()?;
    let modules = wrangler::install(workspace)?;
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    let mut build = Command::new(tools::WORKER_BUILD.program(&lock)?);
    toolchain.give_to(&mut build);
    build.args(["--release", "--out-dir"]);
    build.arg(folder(workspace).join(function)).arg(&source);
    build.env("CARGO_TARGET_DIR", &workspace.target);
    build.env("WASM_BINDGEN_BIN", tools::WASM_BINDGEN.program(&lock)?);
    build.env("ESBUILD_BIN", modules.join(".bin/esbuild"));
    build.env("WASM_OPT_BIN", modules.join(".bin/wasm-opt"));
    process::run(&mut build)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let line = Line::try_parse_from(["worker"].iter().chain(arguments))?;
        Ok(line.options)
    }

    #[test]
    fn conduit_is_meant_unless_another_function_is_named() {
        assert_eq!(parse(&[]).unwrap().function, "conduit");
        assert_eq!(parse(&["hello"]).unwrap().function, "hello");
    }

    #[test]
    fn arguments_of_wrangler_stand_behind_two_dashes_and_with_dev() {
        let options = parse(&["hello", "--dev", "--", "--port", "8787"]).unwrap();
        assert_eq!(options.arguments, ["--port", "8787"]);
        assert!(parse(&["--", "--port", "8787"]).is_err());
        assert!(parse(&["--dev", "--build-only"]).is_err());
    }

    #[test]
    fn migrations_go_where_the_server_keeps_its_databases() {
        let arguments = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let given = arguments(&["--port", "1", "--persist-to", "state", "--local"]);
        assert_eq!(state_folder(&given), ["--persist-to", "state"]);
        assert!(state_folder(&arguments(&["--port", "1"])).is_empty());
        assert!(state_folder(&arguments(&["--persist-to"])).is_empty());
    }
}
