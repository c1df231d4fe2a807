//! A pgbouncer of a test's own: it gives each transaction the server's next free connection, as it does in front of many apps.

use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::{as_user, give_to_server, is_root, wait_until};

/// Where Debian puts it, which is not on every user's `PATH`.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// Connections to the server. More clients share them.
const SERVER_CONNECTIONS: usize = 20;

/// The port, which is part of the name of its socket. It listens on no network.
const PORT: u16 = 6432;

/// A running pgbouncer, which ends with the value.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    folder: TempDir,
}

impl Pooler {
    /// Starts it in front of the Postgres server with its socket in that folder.
    ///
    /// # Panics
    /// When there is no pgbouncer on this machine.
    #[must_use]
    pub fn to(server: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("terrace-pgbouncer-")
            .tempdir_in("/tmp")
            .expect("a test has room for a folder");
        let is_root = is_root();
        let (server, here) = (server.display(), folder.path().display());
        // Tables of the user `terrace` must not be made in the schema of that name, which is the engine's.
        let settings = format!(
            "[databases]\n\
             postgres = host={server} connect_query='SET search_path = public'\n\
             [pgbouncer]\n\
             listen_addr =\n\
             listen_port = {PORT}\n\
             unix_socket_dir = {here}\n\
             auth_type = trust\n\
             auth_file = {here}/users\n\
             pool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS}\n\
             max_client_conn = 200\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("a test's own folder can be written");
        std::fs::write(folder.path().join("users"), "\"terrace\" \"\"\n")
            .expect("a test's own folder can be written");
        give_to_server(is_root, folder.path());
        let program = Path::new(PROGRAM);
        let program = match program.exists() {
            true => program,
            false => Path::new("pgbouncer"),
        };
        let mut process = as_user(is_root, program)
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tests need pgbouncer");
        wait_until("process up", &mut process).expect("pgbouncer takes its settings");
        Self { process, folder }
    }

    /// The URL of the server's database through this pooler.
    #[must_use]
    pub fn url(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://terrace@{folder}:{PORT}/postgres")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // `setpriv` became the pooler, so this kills the pooler. It fails only if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
