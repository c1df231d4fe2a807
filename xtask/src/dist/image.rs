//! An OCI image of the program, which umoci makes without a daemon and without a registry. It has the program, the libraries that it
//! needs, time zones, and no shell. `packaging/container/Dockerfile` has the same configuration.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    PROGRAM,
    files::{fix_folders, put},
};
use crate::{Outcome, apt, process, workspace::Workspace};

/// User and group in the image, as a number, because Kubernetes cannot tell whether a name is root.
const USER: &str = "65532:65532";

/// The user's folder, to which alone it can write.
const STATE: &str = "var/lib/terrace";

/// Files that the C library reads: names of users, and that names of hosts come from a file first, and then from DNS.
const NAMES: [(&str, &str); 3] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/:/\nterrace:x:65532:65532:Terrace:/var/lib/terrace:/\n",
    ),
    ("etc/group", "root:x:0:\nterrace:x:65532:\n"),
    ("etc/nsswitch.conf", "hosts: files dns\n"),
];

/// Schedules have time zones.
const TIME_ZONES: &str = "usr/share/zoneinfo";

/// How a container of the image runs, as arguments of `umoci config`.
const CONFIGURATION: [[&str; 2]; 13] = [
    ["--config.user", USER],
    ["--config.entrypoint", "/usr/bin/terrace"],
    ["--config.cmd", "up"],
    ["--config.cmd", "--from"],
    ["--config.cmd", "/srv/terrace"],
    ["--config.cmd", "--config"],
    ["--config.cmd", "/etc/terrace/terrace.toml"],
    ["--config.cmd", "--state-dir"],
    ["--config.cmd", "/var/lib/terrace"],
    ["--config.exposedports", "3000/tcp"],
    ["--config.volume", "/var/lib/terrace"],
    ["--config.workingdir", "/srv/terrace"],
    ["--config.stopsignal", "SIGTERM"],
];

/// Installs umoci, and the time zones.
///
/// # Errors
/// When this is not Debian, or apt fails.
pub(super) fn install_tools() -> Outcome {
    let is_there = process::succeeds(Command::new("umoci").arg("--version"));
    match is_there && Path::new("/").join(TIME_ZONES).is_dir() {
        true => Ok(()),
        false => apt::install(&["umoci", "tzdata"]),
    }
}

/// Makes the image, and returns its archive.
///
/// # Errors
/// When a tool is missing or fails; the message names it.
pub(super) fn make(
    workspace: &Workspace,
    program: &Path,
    output: &Path,
    epoch: &str,
) -> Outcome<PathBuf> {
    install_tools()?;
    let version = env!("CARGO_PKG_VERSION");
    let work = output.join("image");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let root = work.join("root");
    lay_out(workspace, program, &root)?;
    let layer = work.join("layer.tar");
    layer_of(&root, &layer, epoch)?;
    let layout = work.join("layout");
    configure(&layout, &layer, version, epoch)?;
    let archive = output.join(format!("terrace-{version}-oci.tar"));
    let mut tar = tar("--create", &archive, epoch);
    tar.args(["--owner=0", "--group=0", "--mode=u=rwX,go=rX"]);
    process::run(tar.arg("--directory").arg(&layout).arg("."))?;
    fs::remove_dir_all(&work)?;
    Ok(archive)
}

/// Makes the tree of the image's files.
fn lay_out(workspace: &Workspace, program: &Path, root: &Path) -> Outcome {
    put(program, &root.join(PROGRAM), 0o755)?;
    for library in libraries(program)? {
        let place = library.strip_prefix("/")?;
        put(&library, &root.join(place), 0o755)?;
    }
    let settings = workspace.root.join("packaging/container/terrace.toml");
    put(&settings, &root.join("etc/terrace/terrace.toml"), 0o644)?;
    let licence = workspace.root.join("LICENSE");
    put(
        &licence,
        &root.join("usr/share/doc/terrace/copyright"),
        0o644,
    )?;
    for (place, text) in NAMES {
        let file = root.join(place);
        fs::write(&file, text)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o644))?;
    }
    for folder in [STATE, "srv/terrace", "tmp"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--no-preserve=ownership"]);
    process::run(
        copy.arg(Path::new("/").join(TIME_ZONES))
            .arg(root.join("usr/share")),
    )?;
    fix_folders(root)?;
    fs::set_permissions(root.join(STATE), fs::Permissions::from_mode(0o700))?;
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    Ok(())
}

/// The files of the libraries of a program, and of the loader that finds them: absolute paths.
fn libraries(program: &Path) -> Outcome<Vec<PathBuf>> {
    Ok(listed(&process::output(Command::new("ldd").arg(program))?))
}

/// The files in the output of ldd. `linux-vdso.so.1` is part of the kernel, and has none.
fn listed(output: &str) -> Vec<PathBuf> {
    let words = output.split_whitespace();
    let files = words.filter(|word| word.starts_with('/'));
    files.map(PathBuf::from).collect()
}

/// Root owns everything but the state folder. Only names, contents, modes and the time make a difference.
fn layer_of(root: &Path, layer: &Path, epoch: &str) -> Outcome {
    let mut all = tar("--create", layer, epoch);
    all.args(["--owner=0", "--group=0"]);
    all.arg(format!("--exclude=./{STATE}"));
    process::run(all.arg("--directory").arg(root).arg("."))?;
    let mut state = tar("--append", layer, epoch);
    state.args(["--owner=65532", "--group=65532", "--directory"]);
    process::run(state.arg(root).arg(format!("./{STATE}")))
}

fn tar(operation: &str, archive: &Path, epoch: &str) -> Command {
    let mut tar = Command::new("tar");
    tar.args([operation, "--sort=name", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{epoch}"));
    tar.arg("--file").arg(archive);
    tar
}

/// Makes the image of its one layer.
fn configure(layout: &Path, layer: &Path, version: &str, epoch: &str) -> Outcome {
    let image = format!("{}:{version}", layout.display());
    let mut date = Command::new("date");
    date.args(["--utc", "+%Y-%m-%dT%H:%M:%SZ", "--date"]);
    let created = process::output(date.arg(format!("@{epoch}")))?;
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture"))?;
    process::run(umoci(&["init", "--layout"]).arg(layout))?;
    process::run(&mut umoci(&["new", "--image", &image]))?;
    let add = ["raw", "add-layer", "--image", &image];
    let by = ["--history.created_by", "cargo xtask dist --image"];
    let mut add = umoci(&add);
    add.args(["--history.created", &created]).args(by);
    process::run(add.arg(layer))?;
    let mut config = umoci(&["config", "--image", &image, "--no-history"]);
    config.args(CONFIGURATION.as_flattened());
    config.args(["--created", &created, "--os", "linux"]);
    config.args(["--architecture", &architecture]);
    let label = format!("org.opencontainers.image.version={version}");
    config.args(["--config.label", "org.opencontainers.image.title=terrace"]);
    process::run(config.args(["--config.label", &label]))?;
    // What the steps before have left.
    process::run(umoci(&["gc", "--layout"]).arg(layout))
}

fn umoci(arguments: &[&str]) -> Command {
    let mut umoci = Command::new("umoci");
    umoci.args(arguments);
    umoci
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_the_files_that_ldd_names_and_the_loader() {
        let output = "\tlinux-vdso.so.1 (0x00007f3bb71d4000)\n\
             \tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f3bb70c3000)\n\
             \t/lib64/ld-linux-x86-64.so.2 (0x00007f3bb71d6000)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libm.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(listed(output), expected.map(PathBuf::from));
    }
}
