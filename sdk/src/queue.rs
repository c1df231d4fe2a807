//! Messages for later: CloudEvents 1.0 through queues by name.
//!
//! A message is sent as the POST that CloudEvents' HTTP binding describes in binary mode, and comes back as one, to
//! `/` of the handler of the component that consumes the queue: the attributes are fields (`ce-id`, `ce-source`,
//! `ce-type`), the data is the content. An answer of 2xx is what ends a message; after any other it comes again.
//!
//! Sending is granted by `"http://NAME.queue.internal"` in `allowed_outbound_hosts` of `spin.toml`, or by
//! `[[queues.producers]]` in `wrangler.toml`. Cloudflare delivers; Terrace does not yet, so that a message sent there
//! is an error that says so.

mod event;
#[cfg(any(all(target_family = "wasm", target_os = "unknown"), test))]
pub(crate) mod json;

pub use event::{Event, EventError};

use crate::host;
use crate::manifest::grant;

/// The longest name of a queue: it is a label of a host name.
const MAX_NAME_BYTES: usize = 63;

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The component is not granted a queue of that name.
    #[error("access to the queue {0:?} is denied; {what}", what = grant::queue(.0))]
    AccessDenied(String),
    /// Not a name that a queue can have.
    #[error("{0:?} is not the name of a queue: use lower-case letters, digits and '-', at most 63")]
    InvalidName(String),
    /// The event lacks what CloudEvents requires.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The queue could not be reached, or did not take the message. It may be sent again.
    #[error("the queue {queue:?} did not take the message: {reason}")]
    Failed {
        /// Its name.
        queue: String,
        /// What the host reports.
        reason: String,
    },
}

/// Sends an event to a queue. Once this returns the queue has it, and delivers it at least once.
///
/// # Errors
///
/// [`Error::AccessDenied`] without a grant, [`Error::Failed`] if the queue did not take it.
pub async fn send(queue: &str, event: Event) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if queue.is_empty() || queue.len() > MAX_NAME_BYTES || !queue.bytes().all(is_valid) {
        return Err(Error::InvalidName(queue.to_owned()));
    }
    event.check()?;
    host::enqueue(queue, event).await
}
