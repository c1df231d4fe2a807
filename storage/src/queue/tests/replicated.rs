//! NATS servers that keep each message several times. Such a server says that it has given all messages before it gives them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join;

use super::bed::{message, on_replicated_jetstream, soon};
use crate::clock;
use crate::queue::{Claimed, End, MAX_MESSAGE_BYTES};
use crate::test_wait::until;

const MESSAGES: usize = 40;

#[tokio::test]
async fn all_that_servers_with_replicas_have_is_given_at_the_first_attempt() {
    let bed = on_replicated_jetstream().await;
    let messages = (0..MESSAGES).map(|number| message("mail", &number.to_string()));
    bed.send(&messages.collect::<Vec<_>>()).await;
    let one = bed.join("one").await;
    let claim = async |most| {
        let claim = bed.queues.claim(&one, "mail", most, soon()).await.unwrap();
        claim.messages
    };
    // As many as there are places, more than are left, and none.
    for (most, expected) in [(1, 1), (10, 10), (MESSAGES, MESSAGES - 11), (5, 0)] {
        let claimed: Vec<Claimed> = claim(most).await;
        assert_eq!(claimed.len(), expected, "of {most}");
        for claimed in claimed {
            assert_eq!(claimed.attempts, 1);
            let ended = bed
                .queues
                .end(&one, claimed.number, End::Acknowledge, soon());
            assert!(ended.await.unwrap());
        }
    }
    assert_eq!(bed.counts().await["mail"], 0);
}

#[tokio::test]
async fn servers_with_replicas_give_few_bytes_at_once() {
    let bed = on_replicated_jetstream().await;
    let large = |number: usize| {
        let mut message = message("mail", &number.to_string());
        message.contents.data = vec![0; MAX_MESSAGE_BYTES / 2];
        message
    };
    for part in 0..4 {
        let messages: Vec<_> = (0..20).map(|number| large(part * 20 + number)).collect();
        bed.send(&messages).await;
    }
    let one = bed.join("one").await;
    let mut all = 0;
    while all < 80 {
        let claim = bed.queues.claim(&one, "mail", 80, soon()).await.unwrap();
        let given = claim.messages.len();
        assert!((1..=64).contains(&given), "{given} of 64 KiB in 4 MiB");
        all += given;
    }
}

/// One of the servers is killed while messages are sent and consumed; whichever leads then, the others go on.
#[tokio::test]
async fn a_server_of_three_that_dies_loses_nothing() {
    let mut bed = on_replicated_jetstream().await;
    let queues = bed.queues.clone();
    let early = || clock::now() + Duration::from_secs(2);
    let one = bed.join("one").await;
    let sending = async {
        for number in 0..MESSAGES {
            if number == MESSAGES / 4 {
                bed.kill_one();
            }
            let sent = [message("mail", &number.to_string())];
            // Sent again it is the same message.
            until("a message is accepted", async || {
                let sent = queues.send(sent.to_vec(), super::ROOM, early());
                sent.await.ok()
            })
            .await;
        }
    };
    let mut done = BTreeSet::new();
    let consuming = async {
        while done.len() < MESSAGES {
            let Ok(claim) = queues.claim(&one, "mail", 4, early()).await else {
                continue;
            };
            tokio::task::yield_now().await;
            for claimed in claim.messages {
                let id = String::from_utf8(claimed.contents.data).unwrap();
                until("the end is noted", async || {
                    let ended = queues.end(&one, claimed.number, End::Acknowledge, early());
                    ended.await.ok()
                })
                .await;
                done.insert(id);
            }
        }
    };
    join(sending, consuming).await;
}
