//! Installs the Postgres server that the tests of databases start. Starting one is left to those tests.

use std::{path::Path, process::Command};

use crate::{Outcome, apt, process};

/// The package of the server.
const PACKAGE: &str = "postgresql-15";

/// The package of the extension with which indexes are tried.
const EXTENSION: &str = "postgresql-15-hypopg";

/// Debian keeps the servers here, each version in a folder of its own.
const FOLDER: &str = "/usr/lib/postgresql";

/// The oldest version that the tests take.
const OLDEST: u32 = 15;

/// Debian reads here whether a server that is installed gets a database at once.
const SETTINGS: &str = "/etc/postgresql-common/createcluster.d";

/// The file that says no while the server is installed.
const SETTINGS_FILE: &str = "terrace.conf";

/// Installs [`PACKAGE`] and [`EXTENSION`], unless there is a server already. Nothing is started, and no configuration stays behind.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install() -> Outcome {
    if has_server(Path::new(FOLDER)) || process::succeeds(Command::new("postgres").arg("--version"))
    {
        return Ok(());
    }
    apt::check()
        .and_then(|()| without_cluster(|| apt::install(&[PACKAGE, EXTENSION])))
        .map_err(|error| format!("{error}\nThe tests start Postgres: install {PACKAGE}").into())
}

/// Installs a server without a database that Debian would start with the machine.
fn without_cluster(install: impl FnOnce() -> Outcome) -> Outcome {
    let write = format!(
        "mkdir -p {SETTINGS} && echo 'create_main_cluster = false' >{SETTINGS}/{SETTINGS_FILE}"
    );
    process::run(apt::as_root("sh")?.args(["-c", &write]))?;
    let installed = install();
    let file = format!("{SETTINGS}/{SETTINGS_FILE}");
    process::run(apt::as_root("rm")?.arg(file))?;
    installed
}

/// Whether a folder of servers has one that is new enough.
fn has_server(folder: &Path) -> bool {
    let versions = folder.read_dir().into_iter().flatten().flatten();
    versions.into_iter().any(|version| {
        let number = version.file_name().to_string_lossy().parse::<u32>();
        number.is_ok_and(|number| number >= OLDEST) && version.path().join("bin/postgres").exists()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::has_server;

    #[test]
    fn server_counts_only_if_it_is_new_enough_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_server(folder.path()));
        for (version, expected) in [("13", false), ("15", true)] {
            let bin = folder.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            assert!(!has_server(folder.path()));
            fs::write(bin.join("postgres"), "").unwrap();
            assert_eq!(has_server(folder.path()), expected);
        }
    }
}
