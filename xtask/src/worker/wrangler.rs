//! Installs and calls `wrangler`, Cloudflare's own tool, without telemetry and without requests to Cloudflare.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, npm, workspace::Workspace};

/// The cache folder for the packages of the root's `package.json`.
const CACHE_NAME: &str = "worker";

/// The example of a file with secrets, and the file that `wrangler dev` reads.
const SECRETS: [&str; 2] = [".dev.vars.example", ".dev.vars"];

/// Variables that keep wrangler quiet and off the network.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("WRANGLER_SEND_METRICS", "false"),
    ("WRANGLER_SEND_ERROR_REPORTS", "false"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
];

/// Wrangler with the configuration of one function.
pub(super) struct Wrangler {
    program: PathBuf,
    /// The `wrangler.toml`.
    config: PathBuf,
}

impl Wrangler {
    /// Wrangler for a function. Installs it if it is missing.
    ///
    /// # Errors
    /// When it cannot be installed, or the function has no configuration.
    pub(super) fn installed(workspace: &Workspace, function: &str) -> Outcome<Self> {
        let config = config(&workspace.root, function)?;
        let program = install(workspace)?.join(".bin/wrangler");
        Ok(Self { program, config })
    }

    /// A call of it.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut wrangler = Command::new(&self.program);
        wrangler.args(arguments).arg("--config").arg(&self.config);
        // wrangler keeps its state, `.wrangler`, in the current folder.
        wrangler.current_dir(self.config.parent().unwrap_or(Path::new(".")));
        wrangler.envs(ENVIRONMENT);
        wrangler
    }

    /// Whether the function has a database whose migrations wrangler applies.
    pub(super) fn has_migrations(&self) -> Outcome<bool> {
        Ok(fs::read_to_string(&self.config)?.contains("migrations_dir"))
    }
}

/// Installs the packages of the root's `package.json` and returns the folder of modules. `node_modules` in the root becomes a
/// link to it, so that `npx wrangler` is this wrangler. A real folder of that name stays.
///
/// # Errors
/// When something cannot be installed.
pub(super) fn install(workspace: &Workspace) -> Outcome<PathBuf> {
    let modules = npm::install(&workspace.root, CACHE_NAME)?.join("node_modules");
    let link = workspace.root.join("node_modules");
    if link.is_symlink() && fs::read_link(&link)? != modules {
        fs::remove_file(&link)?;
    }
    match symlink(&modules, &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("cannot create {}: {error}", link.display()).into())
        }
        _ => Ok(modules),
    }
}

/// The `wrangler.toml` of a function: its own, or the root's, which is the sample app's.
fn config(root: &Path, function: &str) -> Outcome<PathBuf> {
    let own = super::source(root, function).join("wrangler.toml");
    if own.exists() {
        return Ok(own);
    }
    let main = format!("target/worker/{function}/");
    let shared = root.join("wrangler.toml");
    if fs::read_to_string(&shared)?.contains(&main) {
        return Ok(shared);
    }
    Err(format!(
        "`{function}` is not a Worker: neither {} is there, nor is it the `main` of {}",
        own.display(),
        shared.display()
    )
    .into())
}

/// Copies the secrets of the example if there are none yet, so that `wrangler dev` works at once.
///
/// # Errors
/// When the function has no configuration, or the file cannot be written.
pub(super) fn copy_secrets(workspace: &Workspace, function: &str) -> Outcome {
    let config = config(&workspace.root, function)?;
    let [example, secrets] = SECRETS.map(|name| config.with_file_name(name));
    if example.exists() && !secrets.exists() {
        fs::copy(&example, &secrets)
            .map_err(|error| format!("cannot write {}: {error}", secrets.display()))?;
        eprintln!("made {} from its example", secrets.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    fn workspace(root: &Path) -> Workspace {
        Workspace {
            root: root.to_owned(),
            target: root.join("target"),
            guests: Vec::new(),
        }
    }

    const CONDUIT: (&str, &str) = ("wrangler.toml", "main = \"target/worker/conduit/index.js\"");

    #[test]
    fn configuration_is_the_functions_own_or_the_roots() {
        let root = root(&[CONDUIT, ("functions/hello/wrangler.toml", "")]);
        let name = |function| {
            let config = config(root.path(), function);
            config.map(|path| path.strip_prefix(root.path()).unwrap().to_owned())
        };
        assert_eq!(name("conduit").unwrap(), Path::new("wrangler.toml"));
        assert_eq!(
            name("hello").unwrap(),
            Path::new("functions/hello/wrangler.toml")
        );
        let error = name("other").unwrap_err().to_string();
        assert!(error.starts_with("`other` is not a Worker"), "{error}");
    }

    #[test]
    fn secrets_of_the_example_never_replace_ones_own() {
        let root = root(&[CONDUIT, (".dev.vars.example", "a = 1")]);
        let secrets = root.path().join(".dev.vars");
        copy_secrets(&workspace(root.path()), "conduit").unwrap();
        assert_eq!(fs::read_to_string(&secrets).unwrap(), "a = 1");
        fs::write(&secrets, "a = 2").unwrap();
        copy_secrets(&workspace(root.path()), "conduit").unwrap();
        assert_eq!(fs::read_to_string(&secrets).unwrap(), "a = 2");
    }

    #[test]
    fn wrangler_is_called_without_telemetry_and_beside_its_configuration() {
        let wrangler = Wrangler {
            program: "wrangler".into(),
            config: "/clone/wrangler.toml".into(),
        };
        let command = wrangler.command(&["dev"]);
        assert_eq!(command.get_current_dir(), Some(Path::new("/clone")));
        let metrics = command
            .get_envs()
            .find(|(name, _)| *name == "WRANGLER_SEND_METRICS");
        assert_eq!(metrics.unwrap().1.unwrap(), "false");
    }
}
