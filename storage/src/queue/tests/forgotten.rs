//! A server of messages that has forgotten to whom it gave them, as one does whose disk took nothing.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;

use super::bed::{Bed, ids, message, on_jetstream, soon};
use crate::clock;
use crate::queue::{End, Owner};

/// Has the server forget what it gave away.
async fn forget(bed: &Bed) {
    let client = async_nats::connect(bed.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("tested=queue=mail").await.unwrap();
    let consumer = stream
        .get_consumer::<pull::Config>("terrace")
        .await
        .unwrap();
    let config = consumer.cached_info().config.clone();
    stream.delete_consumer("terrace").await.unwrap();
    stream.create_consumer(config).await.unwrap();
}

/// Ends the work on a message, as often as it takes.
async fn end(bed: &Bed, owner: &Owner, number: i64, end: End<'_>) -> bool {
    let until = soon();
    loop {
        let by = clock::now() + Duration::from_secs(1);
        match bed.queues.end(owner, number, end, by).await {
            Ok(had) => return had,
            Err(error) => assert!(clock::now() < until, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_message_is_done_though_the_server_has_forgotten_that_it_gave_it() {
    let bed = on_jetstream();
    bed.send(&[message("mail", "1"), message("mail", "2")])
        .await;
    let one = bed.join("one").await;
    let claimed = bed.claim(&one, "mail", 2).await;
    forget(&bed).await;
    assert!(end(&bed, &one, claimed[0].1, End::Acknowledge).await);
    assert!(end(&bed, &one, claimed[1].1, End::Retry(Duration::ZERO, "{}")).await);
    let again = bed.claim(&one, "mail", 2).await;
    assert_eq!(ids(&again), ["2"], "the first one is done");
    assert!(end(&bed, &one, again[0].1, End::Acknowledge).await);
    assert_eq!(bed.counts().await["mail"], 0);
}

#[tokio::test]
async fn a_message_that_the_server_gives_again_is_not_begun_again() {
    let bed = on_jetstream();
    bed.send(&[message("mail", "1")]).await;
    let one = bed.join("one").await;
    let claimed = bed.claim(&one, "mail", 1).await;
    forget(&bed).await;
    assert_eq!(bed.claim(&one, "mail", 1).await, []);
    assert!(end(&bed, &one, claimed[0].1, End::Acknowledge).await);
    assert_eq!(bed.claim(&one, "mail", 1).await, []);
    assert_eq!(bed.counts().await["mail"], 0);
}
