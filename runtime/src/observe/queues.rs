//! Owns the metrics of queues: messages accepted and delivered, and what the queues tell of themselves.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use storage::queue::Figures as QueueFigures;

use super::histogram::DurationHistogram;
use super::source::{Figures, register};

/// The counts of messages. Clones are the same.
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    accepted: Family<QueueLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    latency: Family<QueueLabels, DurationHistogram>,
    firings: Family<DeliveryLabels, Counter>,
}

/// What became of a time of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    /// Its message was sent.
    Sent,
    /// No server ran, and it is skipped.
    Missed,
    /// The message of an earlier time waits still.
    Waiting,
}

/// How the delivery of a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// The consumer acknowledged it.
    Acknowledged,
    /// It is delivered again.
    Failed,
    /// It is a dead letter.
    Dead,
    /// There was no room for it; it is delivered again, which does not count.
    Released,
    /// The lease ended meanwhile: another process has it.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    queue: String,
    result: &'static str,
}

impl Delivered {
    fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Released => "released",
            Self::Lost => "lost",
        }
    }
}

impl QueueMetrics {
    #[rustfmt::skip]
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            accepted: register(registry, "messages_accepted", "Messages that a queue has accepted"),
            deliveries: register(registry, "message_deliveries", "Deliveries of messages by how they ended"),
            firings: register(registry, "schedule_firings", "Times of schedules by what became of them"),
            latency: register(registry, "message_latency_seconds", "Time from the acceptance of a message to its acknowledgement"),
        }
    }

    /// Counts a message that a queue has accepted.
    pub(crate) fn accepted(&self, queue: &str) {
        let queue = queue.to_owned();
        self.accepted.get_or_create(&QueueLabels { queue }).inc();
    }

    /// Counts a time of a schedule with this queue.
    pub(crate) fn fired(&self, queue: &str, fired: Fired) {
        let result = match fired {
            Fired::Sent => "sent",
            Fired::Missed => "missed",
            Fired::Waiting => "waiting",
        };
        let queue = queue.to_owned();
        let labels = DeliveryLabels { queue, result };
        self.firings.get_or_create(&labels).inc();
    }

    /// Counts a delivery of a message that was accepted so long ago.
    pub(crate) fn delivered(&self, queue: &str, result: Delivered, age: Duration) {
        let queue = queue.to_owned();
        if result == Delivered::Acknowledged {
            let labels = QueueLabels {
                queue: queue.clone(),
            };
            self.latency.get_or_create(&labels).observe(age);
        }
        let result = result.name();
        let labels = DeliveryLabels { queue, result };
        self.deliveries.get_or_create(&labels).inc();
    }
}

impl Figures for Vec<QueueFigures> {
    #[rustfmt::skip]
    fn encode(self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&QueueFigures) -> f64| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for figures in &self {
                let labels = [("queue", &*figures.queue)];
                ConstGauge::new(value(figures)).encode(family.encode_family(&labels)?)?;
            }
            Ok(())
        };
        gauge("queue_messages", "Messages that a queue has", &|figures| figures.messages as f64)?;
        gauge("queue_bytes", "Bytes of a queue's messages", &|figures| figures.bytes as f64)?;
        gauge("queue_claimed", "Messages that consumers work on", &|figures| figures.claimed as f64)?;
        gauge("queue_waiting_seconds", "For how long the first message that is due has waited", &|figures| figures.waiting.as_secs_f64())
    }
}
