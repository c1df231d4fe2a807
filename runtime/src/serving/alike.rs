//! Finds what keeps nodes from being alike: state that each would have for itself. Opening the state is left to `open`.

use std::collections::BTreeSet;

use super::inputs::AppInputs;
use crate::fault::{Fault, Faults, Position, Reason};
use crate::manifest::LabelKind;
use crate::settings::{Engine, QueueEngine, StoreEngine};

/// Where the manifest names a label.
type Used<'a> = (LabelKind, &'a str, &'a Position);

impl AppInputs {
    /// Checks that `nodes` of them would be alike. Nodes of a cluster have to be, unless the settings allow it.
    ///
    /// # Errors
    /// Each difference that there would be.
    pub(super) fn check_alike(&self, nodes: u32) -> Result<(), Faults> {
        let cluster = self.config.cluster.as_ref();
        let is_clustered = cluster.is_some_and(|cluster| !cluster.allow_local);
        if nodes < 2 && !is_clustered {
            return Ok(());
        }
        let mut faults = Vec::new();
        let mut known = BTreeSet::new();
        let components = self.app.labels.iter();
        let components = components.map(|used| (used.kind, &*used.label, &used.position));
        let migrations = self.app.migrations.iter();
        let migrations =
            migrations.map(|folder| (LabelKind::Sqlite, &*folder.label, &folder.position));
        for used in components.chain(migrations) {
            let (kind, label, _) = used;
            if known.insert((kind.key(), label)) {
                faults.extend(self.local_state(used));
            }
        }
        faults.extend(self.local_queues());
        faults.extend(self.local_cache());
        faults.extend(self.local_counts());
        faults.extend(self.local_certificates());
        Faults(faults).or(())
    }

    /// What is wrong with rate limits that each node counts for itself.
    fn local_counts(&self) -> Option<Fault> {
        if self.config.rates.is_empty() || self.config.cluster.is_some() {
            return None;
        }
        let what = "several nodes would each allow what the rate limits allow, because each counts by itself";
        let help =
            "add `[cluster]` with `url = \"redis://HOST/NUMBER\"`, or limit rates at the edge";
        Some(Fault::new(
            &self.settings_file,
            Reason::new(what).help(help),
        ))
    }

    /// What is wrong with certificates that each node orders for itself: an authority that asks one of them may reach another.
    fn local_certificates(&self) -> Option<Fault> {
        let has_redis = self.config.cluster.is_some() || self.config.cache.shared.is_some();
        if self.config.listen.acme.is_none() || has_redis {
            return None;
        }
        let what = "several nodes would each order certificates, and could not answer the authority for each other";
        let help = "add `[cluster]` with `url = \"redis://HOST/NUMBER\"`, or end TLS at the edge";
        Some(Fault::new(
            &self.settings_file,
            Reason::new(what).help(help),
        ))
    }

    /// What is wrong with a label whose state is a file.
    fn local_state(&self, (kind, label, position): Used<'_>) -> Option<Fault> {
        let (noun, section, url, path) = match kind {
            LabelKind::Sqlite => match &self.config.sql[label] {
                Engine::Sqlite(path) => ("database", "sql", "postgres://USER@HOST/DATABASE", path),
                Engine::Postgres(_) => return None,
            },
            LabelKind::KeyValue => match &self.config.kv[label] {
                StoreEngine::Sqlite(path) => ("key-value store", "kv", "redis://HOST/NUMBER", path),
                StoreEngine::Redis(_) => return None,
            },
        };
        let what = format!(
            "several nodes would each have a {noun} `{label}` of their own: it is the file {}",
            path.display()
        );
        let file = self.settings_file.display();
        let help = format!("add `[{section}.{label}]` with `url = \"{url}\"` to {file}{ALLOWED}");
        Some(Fault::new(&self.app.manifest, Reason::new(what).help(help)).at(position.clone()))
    }

    /// What is wrong with queues whose messages are in a file.
    fn local_queues(&self) -> Option<Fault> {
        let engine = &self.config.queue.engine;
        let path = engine.file()?;
        let consumes = self.app.consumes().next()?;
        let (what, key) = match engine {
            QueueEngine::JetStream(_) => ("delayed messages and dead letters", "ledger"),
            _ => ("queues", "url"),
        };
        let what = format!(
            "several nodes would each have {what} of their own: they are in the file {}",
            path.display()
        );
        let file = self.settings_file.display();
        let help = format!(
            "add `[queue]` with `{key} = \"postgres://USER@HOST/DATABASE\"` to {file}{ALLOWED}"
        );
        let reason = Reason::new(what).help(help);
        Some(Fault::new(&self.app.manifest, reason).at(consumes.position.clone()))
    }

    /// What is wrong with a cache that hears nothing of what others invalidate.
    fn local_cache(&self) -> Option<Fault> {
        let cache = &self.config.cache;
        let mut components = self.app.components.iter();
        let is_used = components.any(|component| component.limits.cache);
        if cache.memory.is_none() || cache.shared.is_some() || !is_used {
            return None;
        }
        let what = "several nodes would each have a cache of their own, and serve what was purged or changed through another one";
        let help = format!(
            "add `shared = \"redis://HOST/NUMBER\"` to [cache], or switch the cache off with `memory = \"off\"`{ALLOWED}"
        );
        Some(Fault::new(
            &self.settings_file,
            Reason::new(what).help(help),
        ))
    }
}

/// How a node of a cluster has it nevertheless.
const ALLOWED: &str = "; `allow_local = true` in [cluster] allows a node to have it nevertheless";

#[cfg(test)]
mod tests;
