//! The databases and key-value stores of an installation, by label.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use parking_lot::Mutex;

use crate::clock;
use crate::limits::STATE_OPEN_TIMEOUT;
use crate::manifest::{App, LabelKind};
use crate::settings::{Config, Engine};
use crate::{kv, sql};

/// Every database and store that the app may be granted, open.
#[derive(Default)]
pub struct State {
    opened: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    databases: BTreeMap<String, sql::Database>,
    stores: BTreeMap<String, kv::Store>,
    /// The files behind the stores, which several labels may share.
    store_files: BTreeMap<PathBuf, kv::Stores>,
}

impl State {
    /// Opens what the components of `app` name and is not open yet. The labels are known to be configured.
    ///
    /// # Errors
    /// The first file that can't be opened, with the reason. What was open stays open.
    pub fn open(&self, config: &Config, app: &App) -> Result<(), sql::OpenError> {
        let mut opened = self.opened.lock();
        for used in &app.labels {
            match used.kind {
                LabelKind::Sqlite => opened.open_database(config, &used.label)?,
                LabelKind::KeyValue => opened.open_store(config, &used.label)?,
            }
        }
        Ok(())
    }

    /// The database with that label.
    #[must_use]
    pub fn database(&self, label: &str) -> Option<sql::Database> {
        self.opened.lock().databases.get(label).cloned()
    }

    /// The key-value store with that label.
    #[must_use]
    pub fn store(&self, label: &str) -> Option<kv::Store> {
        self.opened.lock().stores.get(label).cloned()
    }

    /// Puts every file in order. What can't be is reported; nothing acknowledged is lost by it.
    pub async fn close(&self) {
        let files = self.opened.lock().files();
        for database in files {
            if let Err(error) = database.close().await {
                tracing::warn!("a database was not closed in order: {error}");
            }
        }
    }
}

impl Opened {
    fn files(&self) -> Vec<sql::Database> {
        let stores = self.store_files.values().map(kv::Stores::database);
        self.databases.values().chain(stores).cloned().collect()
    }

    fn open_database(&mut self, config: &Config, label: &str) -> Result<(), sql::OpenError> {
        if let (Entry::Vacant(entry), Some(Engine::Sqlite(path))) = (
            self.databases.entry(label.to_owned()),
            config.sql.get(label),
        ) {
            entry.insert(sql::Database::open(path, options())?);
        }
        Ok(())
    }

    fn open_store(&mut self, config: &Config, label: &str) -> Result<(), sql::OpenError> {
        let Some(Engine::Sqlite(path)) = config.kv.get(label) else {
            return Ok(());
        };
        let stores = match self.store_files.entry(path.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let deadline = clock::now() + STATE_OPEN_TIMEOUT;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let runtime = runtime.map_err(|error| sql::OpenError::Thread { source: error })?;
                entry.insert(runtime.block_on(kv::Stores::open(path, options(), deadline))?)
            }
        };
        self.stores.insert(label.to_owned(), stores.store(label));
        Ok(())
    }
}

fn options() -> sql::Options {
    sql::Options {
        open_timeout: STATE_OPEN_TIMEOUT,
        ..sql::Options::default()
    }
}

#[cfg(test)]
mod tests;
