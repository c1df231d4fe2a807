//! Owns the limits of ordering certificates, with the reason for each.

use std::time::Duration;

/// How often a server looks whether another one has a certificate that is missing or due, or asks for help with its challenge.
pub const ACME_WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How often it looks at all others.
pub const ACME_KEPT_INTERVAL: Duration = Duration::from_secs(10);

/// How long the store may take to answer. After that it counts as out.
pub const ACME_STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an order may take, from the account to the certificate.
pub const ACME_ORDER_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the directory may take for each status of an order that it works on.
pub const ACME_STATUS_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection to the directory may take.
pub const ACME_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the directory may take to answer a request.
pub const ACME_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer of the directory, in bytes. The largest is a certificate with those of its authorities.
pub const MAX_DIRECTORY_ANSWER_BYTES: usize = 256 * 1024;

/// How long the lease of a server that orders is good for. After that another one takes over from one that was killed.
pub const ACME_LEASE: Duration = Duration::from_secs(20);

/// How often a server that orders extends its lease.
pub const ACME_LEASE_EXTENSION: Duration = Duration::from_secs(5);

/// How long a server that orders waits until the others can answer the challenge: they look every second, and may have to wait for the
/// store.
pub const ACME_CHALLENGE_SPREAD: Duration = Duration::from_secs(3);

/// The pause after the first attempt for a name: what has gone wrong may be over soon, and a server that was killed has no lease by then.
pub const ACME_FIRST_PAUSE: Duration = Duration::from_secs(20);

/// The pause after each further attempt for a name. All servers together make four an hour: Let's Encrypt takes five that fail.
pub const ACME_LATER_PAUSE: Duration = Duration::from_secs(1200);

/// How long Redis keeps what is known of a name without a certificate.
pub const ACME_RECORD_EXPIRY: Duration = Duration::from_secs(86_400);

/// How long Redis keeps the account after its last use. Without it, a new one is made.
pub const ACME_ACCOUNT_EXPIRY: Duration = Duration::from_secs(34_560_000);
