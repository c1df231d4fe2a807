//! Owns the metrics of key-value stores: calls, failures and times, by store and engine. Says in the log why calls fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use storage::EngineFailure;

use super::histogram::DurationHistogram;
use super::limits::STORE_FAILURE_PAUSE;
use super::per_thread::RequestCounter;
use super::source::register;
use crate::clock;

/// What guests do with a store. In metrics, calls of all interfaces have these names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Get,
    Set,
    Delete,
    Exists,
    Keys,
    Increment,
    Swap,
}

impl Operation {
    const ALL: [Self; 7] = [
        Self::Get,
        Self::Set,
        Self::Delete,
        Self::Exists,
        Self::Keys,
        Self::Increment,
        Self::Swap,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Exists => "exists",
            Self::Keys => "keys",
            Self::Increment => "increment",
            Self::Swap => "swap",
        }
    }
}

/// The metrics of one store.
#[derive(Debug)]
pub struct KeyValueMetrics {
    labels: StoreLabels,
    /// By operation.
    calls: [RequestCounter; Operation::ALL.len()],
    durations: DurationHistogram,
    failures: Family<FailureLabels, Counter>,
    /// When the log was told last that calls fail.
    told: Mutex<Option<Instant>>,
}

/// The families of these metrics.
#[derive(Debug)]
pub(super) struct KeyValueFamilies {
    calls: Family<CallLabels, RequestCounter>,
    durations: Family<StoreLabels, DurationHistogram>,
    failures: Family<FailureLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    store: Arc<str>,
    engine: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    store: Arc<str>,
    engine: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    store: Arc<str>,
    engine: &'static str,
    failure: &'static str,
}

impl KeyValueFamilies {
    #[rustfmt::skip]
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            calls: register(registry, "kv_calls", "Calls of key-value stores"),
            durations: register(registry, "kv_call_duration_seconds", "Time of a call of a key-value store"),
            failures: register(registry, "kv_failures", "Calls of key-value stores that the engine failed"),
        }
    }

    pub(super) fn store(&self, store: &str, engine: &'static str) -> Arc<KeyValueMetrics> {
        let store: Arc<str> = store.into();
        let calls = Operation::ALL.map(|operation| {
            let labels = CallLabels {
                store: Arc::clone(&store),
                engine,
                operation: operation.name(),
            };
            self.calls.get_or_create_owned(&labels)
        });
        let labels = StoreLabels { store, engine };
        Arc::new(KeyValueMetrics {
            calls,
            durations: self.durations.get_or_create_owned(&labels),
            failures: self.failures.clone(),
            told: Mutex::default(),
            labels,
        })
    }
}

impl KeyValueMetrics {
    /// Counts a call with its time and the failure of the engine, if it had one.
    pub(crate) fn count(
        &self,
        operation: Operation,
        duration: Duration,
        failure: Option<&EngineFailure>,
    ) {
        self.calls[operation as usize].inc();
        self.durations.observe(duration);
        let Some(failure) = failure else { return };
        let labels = FailureLabels {
            store: Arc::clone(&self.labels.store),
            engine: self.labels.engine,
            failure: failure.name(),
        };
        self.failures.get_or_create(&labels).inc();
        self.tell(failure);
    }

    /// Says in the log why calls fail, but not for each.
    fn tell(&self, failure: &EngineFailure) {
        let (mut told, now) = (self.told.lock(), clock::now());
        if told.is_none_or(|told| now >= told + STORE_FAILURE_PAUSE) {
            *told = Some(now);
            let store = &*self.labels.store;
            tracing::warn!(store, "calls of a key-value store fail: {failure}");
        }
    }
}
