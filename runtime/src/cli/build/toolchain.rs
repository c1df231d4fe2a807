//! Chooses the Rust toolchain that builds a guest. Where `rustup target add` cannot download, `cargo xtask setup`
//! links a toolchain that has the targets.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fault::Reason;

/// The toolchain that `cargo xtask setup` links.
pub(super) const GUEST_TOOLCHAIN: &str = "terrace-guest";

/// The environment variable that makes rustup use a toolchain.
pub(super) const VARIABLE: &str = "RUSTUP_TOOLCHAIN";

/// The compiler, which knows where the libraries of its targets are.
pub(super) const COMPILER: &str = "rustc";

/// The WebAssembly target of a command; none if it is not a cargo command, or names its toolchain.
/// If cargo knows the target from its own settings only, the path of the source names it.
pub(super) fn guest_target(command: &str, source: &Path) -> Option<String> {
    let mut words = command.split_whitespace();
    if words.next() != Some("cargo") || words.clone().any(|word| word.starts_with('+')) {
        return None;
    }
    let in_command = words.find_map(|word| target_in(word.trim_start_matches("--target=")));
    let mut parts = source.iter().filter_map(|part| part.to_str());
    in_command.or_else(|| parts.find_map(target_in))
}

fn target_in(word: &str) -> Option<String> {
    let is_target = word.starts_with("wasm32-") && !word.contains(['.', '/']);
    is_target.then(|| word.to_owned())
}

/// The toolchain to use instead of the active one; none if the active one has the target.
///
/// # Errors
/// No toolchain has the target.
pub(super) fn choose(
    target: &str,
    has_target: impl Fn(Option<&str>) -> bool,
) -> Result<Option<&'static str>, Reason> {
    if has_target(None) {
        return Ok(None);
    }
    if has_target(Some(GUEST_TOOLCHAIN)) {
        return Ok(Some(GUEST_TOOLCHAIN));
    }
    let reason = Reason::new(format!("the Rust toolchain lacks the target `{target}`"));
    let help = format!(
        "run `rustup target add {target}`, or `cargo xtask setup` in Terrace's own repository"
    );
    Err(reason.help(help))
}

/// The reason why there is no toolchain at all; none if the compiler can be run.
pub(super) fn absent(compiler: &str) -> Option<Reason> {
    let mut command = Command::new(compiler);
    command.arg("--version");
    let error = command.output().err()?;
    let reason = Reason::new(format!(
        "the Rust compiler `{compiler}` cannot be run: {error}"
    ));
    Some(reason.help("install Rust as https://rustup.rs says, or put its folder on the PATH"))
}

/// Whether a toolchain has the libraries of a target. Without a name, the active toolchain of the directory is meant.
/// The compiler prints their folder, and fails if the toolchain does not exist.
pub(super) fn has_target(toolchain: Option<&str>, target: &str, directory: &Path) -> bool {
    let mut rustc = Command::new(COMPILER);
    rustc
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(directory)
        .stderr(Stdio::null());
    if let Some(toolchain) = toolchain {
        rustc.env(VARIABLE, toolchain);
    }
    let Ok(output) = rustc.output() else {
        return false;
    };
    let path = String::from_utf8_lossy(&output.stdout);
    output.status.success() && Path::new(path.trim()).is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_read_from_the_command_or_from_the_source() {
        let check = |command, source, expected: Option<&str>| {
            let target = guest_target(command, Path::new(source));
            assert_eq!(target.as_deref(), expected, "{command} {source}");
        };
        let wasip2 = Some("wasm32-wasip2");
        check(
            "cargo build --target wasm32-wasip2 --release",
            "hello.wasm",
            wasip2,
        );
        check("cargo build --target=wasm32-wasip2", "hello.wasm", wasip2);
        check(
            "cargo build -r",
            "/app/target/wasm32-wasip2/release/hello.wasm",
            wasip2,
        );
        check(
            "cargo component build",
            "target/wasm32-wasip1/debug/a.wasm",
            Some("wasm32-wasip1"),
        );
        check("cargo build", "hello.wasm", None);
        check("cargo build", "dist/wasm32-hello.wasm", None);
    }

    #[test]
    fn commands_that_are_not_cargo_or_choose_a_toolchain_are_left_alone() {
        let source = Path::new("target/wasm32-wasip2/release/hello.wasm");
        for command in [
            "npm run build",
            "make",
            "",
            "cargo +nightly build --target wasm32-wasip2",
        ] {
            assert_eq!(guest_target(command, source), None, "{command}");
        }
    }

    #[test]
    fn a_compiler_that_is_not_installed_is_not_blamed_on_its_targets() {
        assert_eq!(absent(COMPILER), None);
        let reason = absent("no-such-compiler").unwrap();
        assert!(reason.message.contains("`no-such-compiler`"), "{reason:?}");
        assert!(reason.suggestion.unwrap().contains("rustup.rs"));
    }

    #[test]
    fn active_toolchain_is_used_where_it_has_the_target() {
        assert_eq!(choose("wasm32-wasip2", |_| true), Ok(None));
        assert_eq!(
            choose("wasm32-wasip2", |toolchain| toolchain.is_none()),
            Ok(None)
        );
    }

    #[test]
    fn linked_toolchain_stands_in_for_an_active_one_without_the_target() {
        let chosen = choose("wasm32-wasip2", |toolchain| {
            toolchain == Some("terrace-guest")
        });
        assert_eq!(chosen, Ok(Some("terrace-guest")));
    }

    #[test]
    fn without_any_toolchain_the_reason_says_how_to_get_the_target() {
        let help = choose("wasm32-wasip2", |_| false)
            .unwrap_err()
            .suggestion
            .unwrap();
        assert!(help.contains("rustup target add wasm32-wasip2"), "{help}");
        assert!(help.contains("cargo xtask setup"), "{help}");
    }
}
