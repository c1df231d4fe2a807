//! Reads the figures of a queue from a page of metrics: Terrace's, or that of the native server, which has the same names.

use std::net::SocketAddr;

use crate::{Outcome, client};

/// The part of messages that the time is about.
const MOST: f64 = 0.99;

/// The figures of all messages since the start of the server.
#[derive(Debug)]
pub(super) struct Page {
    /// Messages that were accepted.
    pub(super) accepted: f64,
    /// Deliveries that were acknowledged.
    pub(super) acknowledged: f64,
    /// Messages that were acknowledged within so many seconds of their acceptance, from the shortest time to infinity.
    within: Vec<(f64, f64)>,
}

impl Page {
    /// Asks a server.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn of(address: SocketAddr) -> Outcome<Self> {
        let (status, text) = client::get(address, "/metrics").await?;
        match status {
            200 => Ok(Self::parse(&text)),
            _ => Err(format!("the page of metrics answers {status}").into()),
        }
    }

    fn parse(text: &str) -> Self {
        let of = |name: &'static str| {
            let lines = text.lines().filter_map(move |line| line.strip_prefix(name));
            lines.filter_map(|line| {
                let (labels, value) = line.split_once("} ")?;
                Some((labels, value.parse::<f64>().ok()?))
            })
        };
        let acknowledged = of("terrace_message_deliveries_total{")
            .filter(|(labels, _)| labels.contains("result=\"acknowledged\""));
        let within = of("terrace_message_latency_seconds_bucket{").filter_map(|(labels, value)| {
            let (_, bound) = labels.split_once("le=\"")?;
            let (bound, _) = bound.split_once('"')?;
            Some((bound.parse().ok()?, value))
        });
        Self {
            accepted: of("terrace_messages_accepted_total{")
                .map(|(_, value)| value)
                .sum(),
            acknowledged: acknowledged.map(|(_, value)| value).sum(),
            within: within.collect(),
        }
    }

    /// The bound within which 99 of 100 messages were acknowledged since an earlier page; `None` if there were none.
    pub(super) fn p99_milliseconds_since(&self, before: &Self) -> Option<f64> {
        let earlier = |bound: f64| {
            let same = before
                .within
                .iter()
                .find(|(other, _)| other.total_cmp(&bound).is_eq());
            same.map_or(0.0, |(_, value)| *value)
        };
        let since = self
            .within
            .iter()
            .map(|(bound, value)| (*bound, value - earlier(*bound)));
        let since: Vec<_> = since.collect();
        let (_, all) = since.last().filter(|(_, all)| *all > 0.0)?;
        let (bound, _) = since.iter().find(|(_, value)| *value >= all * MOST)?;
        Some(bound * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    fn page(accepted: u32, [quick, slow]: [u32; 2]) -> Page {
        Page::parse(&format!(
            "# TYPE terrace_messages_accepted counter\n\
             terrace_messages_accepted_total{{queue=\"mail\"}} {accepted}\n\
             terrace_message_deliveries_total{{queue=\"mail\",result=\"failed\"}} 7\n\
             terrace_message_deliveries_total{{queue=\"mail\",result=\"acknowledged\"}} {slow}\n\
             terrace_message_latency_seconds_bucket{{le=\"0.005\",queue=\"mail\"}} {quick}\n\
             terrace_message_latency_seconds_bucket{{le=\"+Inf\",queue=\"mail\"}} {slow}\n"
        ))
    }

    #[test]
    fn failed_deliveries_are_none() {
        let page = page(100, [50, 80]);
        assert_eq!(
            [page.accepted, page.acknowledged].map(f64::round),
            [100.0, 80.0]
        );
    }

    #[test]
    fn only_messages_since_the_earlier_page_count() {
        let (before, after) = (page(100, [0, 100]), page(300, [199, 300]));
        let bound = after.p99_milliseconds_since(&before).unwrap();
        assert!((bound - 5.0).abs() < 1e-9, "{bound}");
        let after = page(300, [197, 300]);
        let bound = after.p99_milliseconds_since(&before).unwrap();
        assert!(bound.is_infinite(), "{bound}");
        assert_eq!(before.p99_milliseconds_since(&before), None);
    }
}
