//! Servers that follow another one by streaming replication, and what becomes of them when it is gone.

use std::path::Path;

use super::{Server, as_user, binaries, is_root, make_cluster, run};

/// Settings of a server that others follow: it keeps what they have not read.
pub const FOLLOWED: &str = "wal_keep_size=256MB";

impl Server {
    /// Starts a server that follows this one, with further settings.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn replica(&self, settings: &[&str]) -> Self {
        Self::made(settings, |data| self.back_up(data))
    }

    /// Starts a server with data of its own: the others that are started are copies of one, and have its identifier.
    ///
    /// # Panics
    /// When there is no Postgres on this machine.
    #[must_use]
    pub fn stranger() -> Self {
        Self::made(&[], |data| make_cluster(is_root(), &binaries(), data))
    }

    /// Has this server begin again, as one that follows another.
    ///
    /// # Panics
    /// When it does not start.
    pub fn follow(&mut self, primary: &Self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
        }
        let data = self.folder.path().join("data");
        std::fs::remove_dir_all(&data).expect("the data of a server that ended can be removed");
        primary.back_up(&data);
        self.restart();
    }

    /// Starts it again with other settings.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart_with(&mut self, settings: &[&str]) {
        self.kill();
        self.settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        self.restart();
    }

    /// Has a server that follows another one take writes.
    ///
    /// # Panics
    /// When it does not.
    pub fn promote(&self) {
        assert_eq!(self.run("SELECT pg_promote()"), "t");
    }

    fn back_up(&self, data: &Path) {
        run(as_user(self.is_root, &binaries().join("pg_basebackup"))
            .args(["--username=terrace", "--write-recovery-conf", "--no-sync"])
            .args(["--checkpoint=fast", "--port", self.port(), "--host"])
            .arg(self.socket())
            .arg("--pgdata")
            .arg(data));
    }
}
