//! Cloudflare's queues: sends events, and passes delivered ones to the handler.

use worker::js_sys::JSON;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::{MessageBatch, Queue as QueueBinding};
use worker::{Env, MessageExt, QueueContentType, RawMessage, RawMessageBuilder};

use crate::manifest::wrangler::queue_binding;
use crate::queue::{Error, Event, EventError, json};
use crate::{Handler, Response, log};

pub(crate) async fn enqueue(queue: &str, event: Event) -> Result<(), Error> {
    let binding: QueueBinding = super::binding(&queue_binding(queue))
        .map(JsCast::unchecked_into)
        .ok_or_else(|| Error::AccessDenied(queue.to_owned()))?;
    let failed = |reason| Error::Failed {
        queue: queue.to_owned(),
        reason,
    };
    let message =
        JSON::parse(&json::from_event(&event)).map_err(|error| failed(super::describe(&error)))?;
    let message = RawMessageBuilder::new(message).build_with_content_type(QueueContentType::Json);
    worker::Queue::unchecked_from_js(binding.into())
        .send_raw(message)
        .await
        .map_err(|error| failed(error.to_string()))
}

/// Delivers the messages of a batch one after the other, each as a request to the handler. A 2xx response acknowledges a
/// message. The queue delivers the others again, and finally moves them to its dead-letter queue.
pub async fn deliver<A>(batch: MessageBatch, env: Env, handler: impl Handler<A> + Copy) {
    super::keep_env(env);
    let batch = worker::MessageBatch::<JsValue>::from(batch);
    let queue = batch.queue();
    for message in batch.raw_iter() {
        match answer(&queue, &message, handler).await {
            Ok(response) if response.status().is_success() => message.ack(),
            Ok(response) => {
                log::warn(format_args!(
                    "message {} of queue {queue} comes again: the handler answered {}",
                    message.id(),
                    response.status()
                ));
                message.retry();
            }
            Err(error) => {
                log::error(format_args!(
                    "message {} of queue {queue} cannot be delivered: {error}",
                    message.id()
                ));
                message.retry();
            }
        }
    }
}

async fn answer<A>(
    queue: &str,
    message: &RawMessage,
    handler: impl Handler<A>,
) -> Result<Response, crate::Error> {
    let text = JSON::stringify(&message.body())
        .ok()
        .and_then(|text| text.as_string())
        .ok_or(EventError::Missing("attributes"))?;
    let request = json::to_event(&text)?.into_request(queue)?;
    handler.answer(|| Ok(request)).await
}
