//! The package has what it should, and systemd takes its units. The other recipes of `packaging/` are in modules of their own.

mod compose;
mod container;
mod image;
mod kubernetes;
mod settings;
mod yaml;

use super::*;

fn workspace() -> Workspace {
    Workspace::read().unwrap()
}

fn made(program: &Path, output: &Path) -> Vec<PathBuf> {
    let options = Options {
        program: Some(program.to_owned()),
        output: Some(output.to_owned()),
        image: false,
    };
    make(&workspace(), &options).unwrap()
}

/// The program that is tested, or the one that was built last.
fn program() -> PathBuf {
    let given = env::var_os("TERRACE_BIN").map(PathBuf::from);
    let test = env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("terrace");
    let program = given.unwrap_or(built);
    assert!(program.is_file(), "run `cargo build -p terrace` first");
    program
}

fn files(folder: &Path) -> Vec<String> {
    let mut find = Command::new("find");
    find.args([".", "-type", "f", "-printf", "%m %P\n"]);
    let found = process::output(find.current_dir(folder)).unwrap();
    let mut files: Vec<_> = found.lines().map(ToOwned::to_owned).collect();
    files.sort_unstable();
    files
}

#[test]
fn package_and_archive_have_the_program_its_units_and_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let output = made(&program(), folder.path());
    let [package, archive, _] = &output[..] else {
        panic!("{output:?}");
    };
    let (of_package, of_archive) = (folder.path().join("deb"), folder.path().join("tar"));
    process::run(
        Command::new("dpkg-deb")
            .arg("--extract")
            .args([package, &of_package]),
    )
    .unwrap();
    fs::create_dir(&of_archive).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive);
    process::run(tar.arg("--directory").arg(&of_archive)).unwrap();
    let expected = [
        "644 etc/terrace/edge.toml",
        "644 etc/terrace/terrace.toml",
        "644 lib/systemd/system/terrace-edge@.service",
        "644 lib/systemd/system/terrace-edge@.socket",
        "644 lib/systemd/system/terrace@.service",
        "644 lib/systemd/system/terrace@.socket",
        "644 usr/lib/sysusers.d/terrace.conf",
        "644 usr/share/doc/terrace/copyright",
        "755 usr/bin/terrace",
    ];
    assert_eq!(files(&of_package), expected);
    assert_eq!(files(&of_archive), expected);
    let program = of_package.join("usr/bin/terrace");
    let version = process::output(Command::new(&program).arg("--version")).unwrap();
    assert_eq!(version, concat!("terrace ", env!("CARGO_PKG_VERSION")));
    let mut check = Command::new("sha256sum");
    process::output(
        check
            .args(["--check", "SHA256SUMS"])
            .current_dir(folder.path()),
    )
    .unwrap();
    let mut field = Command::new("dpkg-deb");
    let conffiles = process::output(field.arg("--info").args([package, Path::new("conffiles")]));
    assert_eq!(
        conffiles.unwrap(),
        "/etc/terrace/terrace.toml\n/etc/terrace/edge.toml"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let sums = || {
        let folder = tempfile::tempdir().unwrap();
        let output = made(Path::new("/bin/true"), folder.path());
        fs::read_to_string(&output[2]).unwrap()
    };
    let first = sums();
    assert_eq!(first, sums());
    assert_eq!(first.lines().count(), 2);
}

/// The units, with a program that is there. systemd-analyze takes an instance of a template under its full name.
fn units(folder: &Path) -> [PathBuf; 4] {
    [
        ("terrace", "service"),
        ("terrace-edge", "service"),
        ("terrace", "socket"),
        ("terrace-edge", "socket"),
    ]
    .map(|(name, kind)| {
        let source = workspace()
            .root
            .join(format!("packaging/systemd/{name}@.{kind}"));
        let text = fs::read_to_string(source).unwrap();
        let is_service = text.contains("ExecStart=/usr/bin/terrace ");
        assert_eq!(is_service, kind == "service");
        let unit = folder.join(format!("{name}@a.{kind}"));
        fs::write(&unit, text.replace("/usr/bin/terrace", "/bin/true")).unwrap();
        unit
    })
}

#[test]
fn systemd_takes_the_units_and_finds_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    for unit in units(folder.path()) {
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&unit);
        let (status, heard) = process::run_and_listen(&mut verify).unwrap();
        let name = unit.file_name().unwrap().to_string_lossy();
        let of_it = heard.lines().filter(|line| line.contains(&*name));
        let of_it: Vec<_> = of_it.collect();
        assert!(status.success() && of_it.is_empty(), "{heard}");
        if unit.extension() != Some("service".as_ref()) {
            continue;
        }
        let mut security = Command::new("systemd-analyze");
        // Out of 100. Services without any hardening have 96.
        security.args(["security", "--offline=true", "--threshold=20", "--no-pager"]);
        process::output(security.arg(&unit)).unwrap();
    }
}

#[test]
fn units_start_commands_that_the_program_has() {
    for name in ["terrace", "terrace-edge"] {
        let source = workspace()
            .root
            .join(format!("packaging/systemd/{name}@.service"));
        let text = fs::read_to_string(source).unwrap();
        let start = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/terrace "));
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program());
        // The files are not there, which is all that it has to say.
        command
            .args(start.unwrap().split(' '))
            .current_dir(folder.path());
        let error = process::output(&mut command).unwrap_err().to_string();
        assert!(
            error.contains("terrace.toml") || error.contains("edge.toml"),
            "{error}"
        );
        assert!(!error.contains("unexpected argument"), "{error}");
    }
}
