//! Owns the place of accounts, certificates and challenges, which several servers share: Redis, or else the state folder.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage::records::Records;
use storage::{EngineFailure, OpenError, RedisOptions};
use tokio::task::spawn_blocking;

use super::folder::Folder;
use super::limits::{ACME_LEASE, ACME_STORE_TIMEOUT};
use crate::clock;
use crate::limits::STATE_OPEN_TIMEOUT;
use crate::settings::{Config, Redis};

/// The place. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// On a Redis server.
    Redis(Records),
    /// In a folder.
    Folder(Arc<Folder>),
}

/// Why something cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The Redis server fails.
    #[error("Redis: {0}")]
    Redis(#[from] EngineFailure),
    /// The folder cannot be used.
    #[error("the folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
}

/// What is kept of a name. Servers of other versions read it too: keys may be added, and none changes its meaning.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Record {
    /// The certificate in PEM, with those of the authorities; empty if there is none.
    pub(super) certificate: String,
    /// Its private key in PEM.
    pub(super) key: String,
    /// The digest with which an authority is answered, while it asks.
    pub(super) challenge: Option<Vec<u8>>,
    /// Attempts since the last certificate.
    pub(super) attempts: u32,
    /// When the next attempt may begin, in seconds of Unix time.
    pub(super) not_before: u64,
}

impl Store {
    /// Opens Redis if the settings have it, for the cluster or for the cache; else the folder. It may block the calling thread.
    pub(crate) fn open(config: &Config, state_directory: &Path) -> Result<Self, OpenError> {
        let cluster = config.cluster.as_ref().map(|cluster| &cluster.redis);
        let Some(redis) = cluster.or(config.cache.shared.as_ref()) else {
            let folder = Folder::new(state_directory.join("acme"));
            return Ok(Self::Folder(Arc::new(folder)));
        };
        let Redis { url, password, .. } = redis;
        let options = RedisOptions {
            open_timeout: STATE_OPEN_TIMEOUT,
            password: password.clone(),
        };
        Records::open(url, &options).map(Self::Redis)
    }

    /// Where it is, for messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Redis(_) => "Redis".to_owned(),
            Self::Folder(folder) => folder.shown(),
        }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<String>, StoreError> {
        match self {
            Self::Redis(records) => {
                let deadline = clock::now() + ACME_STORE_TIMEOUT;
                Ok(records.get(name, deadline).await?)
            }
            Self::Folder(folder) => {
                let name = name.to_owned();
                blocking(folder, move |folder| folder.get(&name)).await
            }
        }
    }

    /// Keeps a text. Redis forgets it after `expiry`.
    pub(super) async fn set(
        &self,
        name: &str,
        text: String,
        expiry: Duration,
    ) -> Result<(), StoreError> {
        match self {
            Self::Redis(records) => {
                let deadline = clock::now() + ACME_STORE_TIMEOUT;
                Ok(records.set(name, &text, expiry, deadline).await?)
            }
            Self::Folder(folder) => {
                let name = name.to_owned();
                blocking(folder, move |folder| folder.set(&name, &text)).await
            }
        }
    }

    /// Takes or extends the lease of a name, unless another process has it. A folder has one for all names. Returns whether this process has it.
    pub(super) async fn take_lease(&self, name: &str, id: &str) -> Result<bool, StoreError> {
        match self {
            Self::Redis(records) => {
                let deadline = clock::now() + ACME_STORE_TIMEOUT;
                Ok(records.take_lease(name, id, ACME_LEASE, deadline).await?)
            }
            Self::Folder(folder) => blocking(folder, Folder::take_lock).await,
        }
    }

    /// Ends the lease. One that cannot be ended ends by itself.
    pub(super) async fn give_back(&self, name: &str, id: &str) {
        match self {
            Self::Redis(records) => {
                let deadline = clock::now() + ACME_STORE_TIMEOUT;
                let _ = records.give_back(name, id, deadline).await;
            }
            Self::Folder(folder) => folder.give_back(),
        }
    }
}

/// Uses the folder on a thread that may block.
async fn blocking<T: Send + 'static>(
    folder: &Arc<Folder>,
    work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let at = Arc::clone(folder);
    let done = spawn_blocking(move || work(&at)).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|source| StoreError::Folder {
        folder: folder.shown(),
        source,
    })
}
