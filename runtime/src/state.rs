//! The databases and key-value stores of an installation, by label.

use std::collections::BTreeMap;

use crate::{kv, sql};

/// Every database and store that the app may be granted, open.
#[derive(Default)]
pub struct State {
    databases: BTreeMap<String, sql::Database>,
    stores: BTreeMap<String, kv::Store>,
}

impl State {
    /// The database with that label.
    #[must_use]
    pub fn database(&self, label: &str) -> Option<sql::Database> {
        self.databases.get(label).cloned()
    }

    /// The key-value store with that label.
    #[must_use]
    pub fn store(&self, label: &str) -> Option<kv::Store> {
        self.stores.get(label).cloned()
    }
}
