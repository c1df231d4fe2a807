//! Owns the metrics of connections before their first request, and of the certificates for it.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of connections before their first request, and of the certificates for it.
#[derive(Debug, Default)]
pub(crate) struct HandshakeMetrics {
    /// Connections without a usable header of the PROXY protocol.
    pub(crate) proxy_headers_refused: Counter,
    /// Connections that ended in the handshake of TLS.
    pub(crate) failed: Counter,
    /// When the first certificate expires, in seconds of Unix time; 0 without TLS.
    pub(crate) certificate_expiry: Gauge,
    /// Names whose certificates are ordered and not there.
    pub(crate) certificates_missing: Gauge,
    /// Certificates that should have been renewed.
    pub(crate) certificates_near_end: Gauge,
    orders: Family<OrderLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OrderLabels {
    outcome: &'static str,
}

impl HandshakeMetrics {
    #[rustfmt::skip]
    pub(super) fn register(registry: &mut Registry) -> Self {
        let own = Self::default();
        registry.register("proxy_headers_refused", "Connections without a usable header of the PROXY protocol", own.proxy_headers_refused.clone());
        registry.register("handshakes_failed", "Connections that ended in the handshake of TLS", own.failed.clone());
        registry.register("certificate_expiry_timestamp_seconds", "When the first certificate expires, as Unix time; 0 without TLS", own.certificate_expiry.clone());
        registry.register("certificates_missing", "Names whose certificates are ordered and not there", own.certificates_missing.clone());
        registry.register("certificates_near_end", "Certificates that should have been renewed", own.certificates_near_end.clone());
        registry.register("certificate_orders", "Certificates that this server has ordered", own.orders.clone());
        own
    }

    /// Counts an order that has ended.
    pub(crate) fn count_order(&self, is_issued: bool) {
        let outcome = if is_issued { "issued" } else { "failed" };
        self.orders.get_or_create(&OrderLabels { outcome }).inc();
    }
}
