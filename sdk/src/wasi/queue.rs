//! Queues as host names: the runtime receives requests to `http://NAME.queue.internal/`.

use crate::queue::{Error, Event};
use crate::{host, outbound};

pub(crate) async fn enqueue(queue: &str, event: Event) -> Result<(), Error> {
    let failed = |reason| Error::Failed {
        queue: queue.to_owned(),
        reason,
    };
    let request = event
        .into_request(queue)
        .map_err(|error| failed(error.to_string()))?;
    match host::send(request).await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(failed(format!("it answered {}", response.status()))),
        Err(outbound::Error::Denied(_)) => Err(Error::AccessDenied(queue.to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}
