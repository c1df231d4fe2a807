//! NATS JetStream: a stream from which each message goes when it is acknowledged. The server confirms each message that is stored, and
//! each acknowledgement.

use std::sync::Arc;

use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context, Message,
        consumer::{PullConsumer, pull},
        stream::{Config, RetentionPolicy},
    },
};
use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::{CONCURRENCY, Outcome, consume, figures::Figures, handle, now, since};

/// The stream, its subject and its consumer.
const NAME: &str = "native";

/// The field with the time at which a message was accepted.
const ACCEPTED: &str = "accepted";

/// A stream with messages.
pub(crate) struct Engine {
    context: Context,
}

impl Engine {
    pub(crate) async fn open(url: &str, figures: Arc<Figures>) -> Outcome<Self> {
        let context = jetstream::new(async_nats::connect(url).await?);
        let stream = context.get_or_create_stream(Config {
            name: NAME.to_owned(),
            subjects: vec![NAME.to_owned()],
            retention: RetentionPolicy::WorkQueue,
            ..Config::default()
        });
        let consumer: PullConsumer = stream
            .await?
            .get_or_create_consumer(
                NAME,
                pull::Config {
                    durable_name: Some(NAME.to_owned()),
                    max_ack_pending: CONCURRENCY.try_into()?,
                    ..pull::Config::default()
                },
            )
            .await?;
        consume(async move {
            let messages = consumer.messages().await?;
            let messages = messages.map_err(Into::into);
            messages
                .try_for_each_concurrent(CONCURRENCY, |message| work(message, &figures))
                .await
        });
        Ok(Self { context })
    }

    pub(crate) async fn store(&self, data: Bytes) -> Outcome {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPTED, now().to_string());
        let sent = self.context.publish_with_headers(NAME, headers, data);
        sent.await?.await?;
        Ok(())
    }
}

async fn work(message: Message, figures: &Figures) -> Outcome {
    let accepted = message.headers.as_ref();
    let accepted = accepted.and_then(|headers| headers.get(ACCEPTED)?.as_str().parse().ok());
    let accepted = accepted.ok_or("a message without the time of its acceptance")?;
    if handle(&message.payload).status().is_success() {
        message.double_ack().await?;
        figures.acknowledged(since(accepted));
    }
    Ok(())
}
