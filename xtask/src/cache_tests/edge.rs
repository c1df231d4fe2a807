//! Runs `terrace edge` in front of the suite's origin.

use std::{fs, fs::File, path::Path, process::Command, time::Duration};

use crate::{Outcome, child::Program};

/// The time from its start until it is ready. A debug build needs a fraction of a second.
const MAX_START_TIME: Duration = Duration::from_secs(30);

/// The suite follows the letter of RFC 9111 §7.3. By default, an edge stores `Set-Cookie` only if the response says that it is
/// for all clients.
const SETTINGS: &str = "[cache]\nset_cookie = \"store\"\n";

/// The edge with [`SETTINGS`].
pub(super) struct Edge {
    address: String,
    /// Ends when this value is dropped.
    _program: Program,
}

impl Edge {
    /// Empties `folder`, and starts the edge with its state and its log there.
    ///
    /// # Errors
    /// When it does not become ready; the message says where its log is.
    pub(super) fn start(program: &Path, folder: &Path, origin: &str) -> Outcome<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        fs::write(folder.join("terrace.toml"), SETTINGS)?;
        let log = folder.join("edge.log");
        let mut command = Command::new(program);
        command.current_dir(folder).stderr(File::create(&log)?);
        command.args(["edge", "--json", "--origin", origin, "--state-dir", "state"]);
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut program = Program::start(&mut command)?;
        let ready = program.wait_for("`ready` line", MAX_START_TIME, |line| {
            let is_ready = line["event"] == "ready";
            is_ready.then(|| line["http"].as_str().map(str::to_owned))?
        });
        let address = ready.map_err(|error| format!("{error}: see {}", log.display()))?;
        Ok(Self {
            address,
            _program: program,
        })
    }

    /// Its address: `http://ADDRESS`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}
