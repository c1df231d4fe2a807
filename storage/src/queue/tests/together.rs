//! Calls at once, which engines may perform together: none may meet what is another's.

use std::pin::pin;
use std::time::Duration;

use futures::future::{join, join_all};
use futures::poll;
use tokio_postgres::NoTls;

use super::bed::{beds, ids, keyed, message, on_postgres, owner, soon};
use crate::clock;
use crate::queue::{End, Error, MAX_SENT, Room};

const CALLS: usize = 64;

#[tokio::test]
async fn of_senders_at_once_those_to_a_full_queue_are_refused_and_no_others() {
    for bed in beds() {
        let room = Room {
            messages: 1_000,
            bytes: 1 << 30,
        };
        let filling = (0..MAX_SENT).map(|number| message("full", &number.to_string()));
        bed.queues
            .send(filling.collect(), room, soon())
            .await
            .unwrap();
        let sending = (0..CALLS).map(async |call| {
            let first = message("mail", &format!("first {call}"));
            let mut messages = vec![first];
            if call % 2 == 1 {
                messages.push(message("full", &format!("second {call}")));
            }
            (call, bed.queues.send(messages, room, soon()).await)
        });
        for (call, sent) in join_all(sending).await {
            let expected = if call % 2 == 0 {
                Ok(())
            } else {
                let queue = "full".to_owned();
                Err(Error::Full { queue })
            };
            assert_eq!(sent, expected, "{} on {}", call, bed.queues.engine());
        }
        if bed.queues.engine() == "jetstream" {
            // A call is several messages there, of which some may be accepted.
            continue;
        }
        let one = bed.join("one").await;
        let mut ids: Vec<_> = bed
            .claim(&one, "mail", CALLS)
            .await
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        ids.sort_unstable();
        let mut expected: Vec<_> = (0..CALLS)
            .step_by(2)
            .map(|call| format!("first {call}"))
            .collect();
        expected.sort_unstable();
        assert_eq!(ids, expected, "all of a call or nothing");
    }
}

#[tokio::test]
async fn of_acknowledgements_at_once_each_learns_of_its_own_message() {
    for bed in beds() {
        let (one, two) = (bed.join("one").await, bed.join("two").await);
        let messages = (0..CALLS).map(|number| message("mail", &number.to_string()));
        bed.queues
            .send(messages.collect(), super::ROOM, soon())
            .await
            .unwrap();
        let of_one = bed.claim(&one, "mail", CALLS / 2).await;
        let of_two = bed.claim(&two, "mail", CALLS / 2).await;
        // One owner ends the work on all, and has half of them. Each is ended twice at once.
        let numbers = of_one.iter().chain(&of_two).map(|(_, number)| *number);
        let ending = numbers.map(|number| {
            let end = || bed.queues.end(&one, number, End::Acknowledge, soon());
            join(end(), end())
        });
        for (place, (first, second)) in join_all(ending).await.into_iter().enumerate() {
            let had = [first.unwrap(), second.unwrap()].contains(&true);
            assert_eq!(had, place < of_one.len(), "{}", bed.queues.engine());
        }
        bed.queues.leave(&two, soon()).await.unwrap();
        let again = bed.claim(&one, "mail", CALLS).await;
        assert_eq!(again.len(), of_two.len(), "nothing of the other is gone");
    }
}

#[tokio::test]
async fn callers_that_leave_hold_up_no_other_and_lose_nothing_of_theirs() {
    let bed = on_postgres();
    let sending = (0..CALLS).map(|call| {
        let messages = vec![message("mail", &call.to_string())];
        let send = bed.queues.send(messages, super::ROOM, soon());
        async move {
            if call % 2 == 0 {
                return send.await;
            }
            // It leaves as soon as it waits.
            tokio::select! {
                biased;
                sent = send => sent,
                () = std::future::ready(()) => Ok(()),
            }
        }
    });
    for sent in join_all(sending).await {
        sent.unwrap();
    }
    let one = owner("one");
    bed.queues.join(&one, soon()).await.unwrap();
    let ids = bed.claim(&one, "mail", CALLS).await;
    let is_there = |call: usize| ids.iter().any(|(id, _)| *id == call.to_string());
    assert!((0..CALLS).step_by(2).all(is_there), "{ids:?}");
}

#[tokio::test]
async fn a_queue_that_is_locked_holds_up_its_own_senders_only() {
    let bed = on_postgres();
    let (client, connection) = tokio_postgres::connect(&bed.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let lock = "BEGIN; SELECT terrace_queue.lock_queue('mail')";
    client.batch_execute(lock).await.unwrap();
    let send = |message, deadline| bed.queues.send(vec![message], super::ROOM, deadline);
    let mut patient = pin!(send(keyed("patient", "key"), soon()));
    assert!(poll!(&mut patient).is_pending());
    let early = clock::now() + Duration::from_millis(100);
    let hasty = send(keyed("hasty", "key"), early).await;
    hasty.expect_err("it has waited for the other one until its own deadline");
    let other = send(message("other", "1"), soon());
    other.await.expect("another queue has no lock");
    assert!(poll!(&mut patient).is_pending());
    client.batch_execute("ROLLBACK").await.unwrap();
    patient.await.unwrap();
    let one = bed.join("one").await;
    let there = bed.claim(&one, "mail", CALLS).await;
    assert_eq!(
        ids(&there),
        ["patient"],
        "nobody sends for a caller that has left"
    );
}
