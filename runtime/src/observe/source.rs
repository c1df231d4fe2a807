//! Owns the registration of metrics: of those that are counted here, and of figures that others keep, which are read when the metrics
//! are asked for: what is counted there counts once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::{Metric, Registry};

/// Figures of one part of the process.
pub(super) trait Figures: Send + Sync + 'static {
    /// Writes them as metrics.
    fn encode(self, encoder: DescriptorEncoder<'_>) -> fmt::Result;
}

type Read<F> = Box<dyn Fn() -> F + Send + Sync>;

/// Where figures come from, once there is something that has them. Clones are the same.
pub(super) struct Source<F>(Arc<OnceLock<Read<F>>>);

impl<F> Source<F> {
    /// Has the figures read so. Only the first source counts: a process has one of each.
    pub(super) fn read_from(&self, figures: impl Fn() -> F + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(figures));
    }
}

impl<F> Default for Source<F> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<F> Clone for Source<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> fmt::Debug for Source<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Source").finish_non_exhaustive()
    }
}

impl<F: Figures> Collector for Source<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        match self.0.get() {
            Some(read) => read().encode(encoder),
            None => Ok(()),
        }
    }
}

/// A metric at zero.
pub(super) fn register<M: Metric + Clone + Default>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// Figures that others keep.
pub(super) fn collected<F: Figures>(registry: &mut Registry) -> Source<F> {
    let source = Source::default();
    registry.register_collector(Box::new(source.clone()));
    source
}
