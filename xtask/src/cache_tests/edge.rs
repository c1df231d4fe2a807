//! `terrace edge` in front of the origin of the suite.

use std::{fs, fs::File, path::Path, process::Command, time::Duration};

use super::child::Program;
use crate::Outcome;

/// How long it may take from its start until it is ready. A debug build needs a fraction of a second.
const MAX_START_TIME: Duration = Duration::from_secs(30);

/// The letter of RFC 9111 §7.3, which the suite asks for: without it an edge stores `Set-Cookie` only where the response says
/// that it is for all clients.
const SETTINGS: &str = "[cache]\nset_cookie = \"store\"\n";

/// The edge with [`SETTINGS`], else as it is.
pub(super) struct Edge {
    address: String,
    /// Ended with this value.
    _program: Program,
}

impl Edge {
    /// Starts it with its state and its log in `folder`, which is emptied first.
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

    /// Where it serves: `http://ADDRESS`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}
