//! Which files hold the state of an installation, and what holds the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::settings::{Config, Engine, QueueEngine, StoreEngine, without_secrets};

/// The state of an installation.
#[derive(Debug)]
pub(crate) struct Installation {
    /// The name of the app.
    pub(crate) app: String,
    /// The state folder.
    pub(crate) folder: PathBuf,
    /// The databases in files, whether or not they exist.
    pub(crate) files: Vec<DatabaseFile>,
    /// What is not in SQLite files.
    pub(crate) elsewhere: Vec<Elsewhere>,
}

/// A database in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DatabaseFile {
    /// What the settings call it, such as `sql.default`: more than one name if they share it.
    pub(crate) names: Vec<String>,
    /// The file, without links: two names may be two paths of one file.
    pub(crate) path: PathBuf,
}

/// State that no backup has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Elsewhere {
    /// What the settings call it.
    pub(crate) name: String,
    /// Where it is, without secrets.
    pub(crate) place: String,
    /// The command that makes a backup of it.
    pub(crate) tool: String,
}

impl Installation {
    /// The state of an app with these settings.
    pub(crate) fn of(config: &Config, app: &str, folder: &Path) -> Self {
        let mut found = Found::default();
        for (label, engine) in &config.sql {
            let name = format!("sql.{label}");
            match engine {
                Engine::Sqlite(_) => found.file(name, engine.place()),
                Engine::Postgres(postgres) => found.postgres(&name, &postgres.url),
            }
        }
        for (label, engine) in &config.kv {
            let name = format!("kv.{label}");
            match engine {
                StoreEngine::Sqlite(_) => found.file(name, engine.place()),
                StoreEngine::Redis(redis) => {
                    let place = without_secrets(&redis.url);
                    let tool = format!("redis-cli -u {place} --rdb FILE");
                    found.elsewhere(&name, place, tool);
                }
            }
        }
        found.queues("queue", &config.queue.engine);
        // A registry, rate limits and the levels of the cache are copies, or last for minutes.
        let certificates = folder.join("acme");
        if certificates.is_dir() {
            let place = certificates.display().to_string();
            let tool = format!("cp -a {place} FOLDER");
            found.elsewhere("certificates", place, tool);
        }
        Self {
            app: app.to_owned(),
            folder: folder.to_owned(),
            files: found
                .files
                .into_iter()
                .map(|(path, names)| DatabaseFile { names, path })
                .collect(),
            elsewhere: found.elsewhere,
        }
    }

    /// The file that the settings have under a name.
    pub(crate) fn file(&self, name: &str) -> Option<&DatabaseFile> {
        let mut files = self.files.iter();
        files.find(|file| file.names.iter().any(|known| known == name))
    }
}

#[derive(Default)]
struct Found {
    /// The names of each file.
    files: BTreeMap<PathBuf, Vec<String>>,
    elsewhere: Vec<Elsewhere>,
}

impl Found {
    fn file(&mut self, name: String, place: PathBuf) {
        self.files.entry(place).or_default().push(name);
    }

    fn queues(&mut self, name: &str, engine: &QueueEngine) {
        match engine {
            QueueEngine::Sqlite(path) => {
                let place = Engine::Sqlite(path.clone()).place();
                self.file(name.to_owned(), place);
            }
            QueueEngine::Postgres(postgres) => self.postgres(name, &postgres.url),
            QueueEngine::JetStream(jetstream) => {
                let place = without_secrets(&jetstream.url);
                let tool = format!("nats --server {place} account backup FOLDER");
                self.elsewhere(name, place, tool);
                self.queues("queue.ledger", &jetstream.ledger);
            }
        }
    }

    fn postgres(&mut self, name: &str, url: &str) {
        let place = without_secrets(url);
        let tool = format!("pg_dump --format=custom --file=FILE --dbname={place}");
        self.elsewhere(name, place, tool);
    }

    fn elsewhere(&mut self, name: &str, place: String, tool: String) {
        self.elsewhere.push(Elsewhere {
            name: name.to_owned(),
            place,
            tool,
        });
    }
}
