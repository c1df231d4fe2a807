//! The build command of a project for Cloudflare, with programs that only write down how they are called.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use super::*;

/// Cargo, whose lock has these versions, and whose installations are programs that tell their surroundings.
const CARGO: &str = r#"
case "$1" in
pkgid) [ "$2" = worker ] && echo 'registry#worker@0.8.7' || echo 'registry#wasm-bindgen@0.2.130' ;;
install)
    echo "cargo $*" >> calls
    while [ "$1" != --root ]; do shift; done
    mkdir -p "$2/bin"
    for program in worker-build wasm-bindgen; do
        echo 'echo "built by $RUSTUP_TOOLCHAIN with $WASM_BINDGEN_BIN, strip $CARGO_PROFILE_RELEASE_STRIP" >> calls' > "$2/bin/$program"
        chmod +x "$2/bin/$program"
    done ;;
esac
"#;

/// A compiler whose toolchain `terrace-guest`, or else the active one, has the folder of libraries.
const RUSTC: &str = r#"echo "$PWD/libraries/${RUSTUP_TOOLCHAIN:-active}""#;

/// A machine with a project and these programs besides.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempdir().unwrap());
        write(&machine.path("project"), &Target::Worker.files("shop")).unwrap();
        for file in [
            "node_modules/.bin/esbuild",
            "node_modules/.bin/wasm-opt",
            "Cargo.lock",
        ] {
            let file = machine.path("project").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        machine.program("cargo", CARGO);
        machine.program("rustc", RUSTC);
        machine.program("rustup", r#"echo "rustup $*" >> calls"#);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn toolchain(&self, name: &str) {
        fs::create_dir_all(self.path("project/libraries").join(name)).unwrap();
    }

    /// Builds, and gives what was called.
    fn build(&self) -> String {
        let project = self.path("project");
        let calls = project.join("calls");
        fs::write(&calls, "").unwrap();
        let mut shell = Command::new("sh");
        shell.arg("build-worker.sh").current_dir(&project);
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        shell
            .env("PATH", path)
            .env("XDG_CACHE_HOME", self.path("cache"));
        shell.env_remove("RUSTUP_TOOLCHAIN");
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(calls).unwrap()
    }
}

#[test]
fn tools_are_installed_once_and_leave_those_of_other_projects_alone() {
    let machine = Machine::new();
    machine.toolchain("active");
    machine.program("wasm-bindgen", "echo wasm-bindgen 0.2.99");
    machine.program(
        "worker-build",
        "[ \"$1\" = --version ] && echo 0.8.7 || echo built >> calls",
    );
    let calls = machine.build();
    let folder = machine.path("cache/terrace/wasm-bindgen-cli-0.2.130");
    let install = format!(
        "install --quiet --debug --root {} --no-default-features wasm-bindgen-cli@0.2.130",
        folder.display()
    );
    assert_eq!(calls, format!("cargo {install}\nbuilt\n"));
    assert_eq!(machine.build(), "built\n");
}

#[test]
fn toolchain_of_the_set_up_stands_in_for_one_without_the_target() {
    let machine = Machine::new();
    machine.toolchain("terrace-guest");
    let calls = machine.build();
    assert!(!calls.contains("rustup"), "{calls}");
    let wasm_bindgen = machine.path("cache/terrace/wasm-bindgen-cli-0.2.130/bin/wasm-bindgen");
    let built = format!(
        "built by terrace-guest with {}, strip none\n",
        wasm_bindgen.display()
    );
    assert!(calls.ends_with(&built), "{calls}");
}

#[test]
fn target_that_no_toolchain_has_is_added() {
    let calls = Machine::new().build();
    assert!(
        calls.contains("rustup --quiet target add wasm32-unknown-unknown\nbuilt by "),
        "{calls}"
    );
}
