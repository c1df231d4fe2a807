//! The contract of queues, for each engine.

mod bed;
mod concurrency;
mod forgotten;
mod replicated;
mod together;

use std::time::Duration;

use self::bed::{ROOM, beds, ids, keyed, message, owner, soon};
use super::{
    End, Error, MAX_CLAIM_BYTES, MAX_FAILURES, MAX_MESSAGE_BYTES, MAX_SENT, Message, Room,
};

#[tokio::test]
async fn messages_come_in_their_order_to_one_owner_each() {
    for bed in beds() {
        bed.send(&[
            message("mail", "1"),
            message("mail", "2"),
            message("other", "3"),
        ])
        .await;
        bed.send(&[message("mail", "4")]).await;
        let (one, two) = (bed.join("one").await, bed.join("two").await);
        assert_eq!(ids(&bed.claim(&one, "mail", 2).await), ["1", "2"]);
        assert_eq!(ids(&bed.claim(&two, "mail", 9).await), ["4"]);
        assert!(bed.claim(&one, "mail", 9).await.is_empty());
        assert_eq!(ids(&bed.claim(&one, "other", 9).await), ["3"]);
    }
}

#[tokio::test]
async fn an_acknowledged_message_is_gone_and_counted_no_more() {
    for bed in beds() {
        bed.send(&[message("mail", "1")]).await;
        let one = bed.join("one").await;
        let (_, number) = bed.claim(&one, "mail", 1).await[0];
        let figures = bed.queues.figures(soon()).await.unwrap();
        assert_eq!((figures[0].messages, figures[0].claimed), (1, 1));
        let two = owner("two");
        let acknowledged = bed.queues.end(&two, number, End::Acknowledge, soon());
        assert!(!acknowledged.await.unwrap(), "it is not that owner's");
        assert!(
            bed.queues
                .end(&one, number, End::Acknowledge, soon())
                .await
                .unwrap()
        );
        assert!(
            !bed.queues
                .end(&one, number, End::Acknowledge, soon())
                .await
                .unwrap()
        );
        assert_eq!(bed.counts().await["mail"], 0);
    }
}

#[tokio::test]
async fn a_message_with_an_id_that_was_seen_lately_is_the_same() {
    for bed in beds() {
        bed.send(&[
            message("mail", "1"),
            message("mail", "1"),
            message("other", "1"),
        ])
        .await;
        let one = bed.join("one").await;
        let (_, number) = bed.claim(&one, "mail", 9).await[0];
        bed.queues
            .end(&one, number, End::Acknowledge, soon())
            .await
            .unwrap();
        bed.send(&[message("mail", "1"), message("mail", "2")])
            .await;
        assert_eq!(ids(&bed.claim(&one, "mail", 9).await), ["2"]);
        assert_eq!(ids(&bed.claim(&one, "other", 9).await), ["1"]);
    }
}

#[tokio::test]
async fn messages_of_one_key_come_one_at_a_time_in_their_order() {
    for bed in beds() {
        bed.send(&[keyed("a1", "a"), keyed("a2", "a"), keyed("b1", "b")])
            .await;
        bed.send(&[keyed("a3", "a")]).await;
        let one = bed.join("one").await;
        let first = bed.claim(&one, "mail", 9).await;
        assert_eq!(ids(&first), ["a1", "b1"]);
        let (_, a1) = first[0];
        let late = Duration::from_secs(60);
        let retried = bed
            .queues
            .end(&one, a1, End::Retry(late, "{}"), soon())
            .await;
        assert!(retried.unwrap());
        assert!(
            bed.claim(&one, "mail", 9).await.is_empty(),
            "the first is to be tried again first"
        );
        bed.queues.delete("mail", Some(a1), soon()).await.unwrap();
        let second = bed.claim(&one, "mail", 9).await;
        assert_eq!(ids(&second), ["a2"]);
        bed.queues
            .end(&one, second[0].1, End::Bury("{}"), soon())
            .await
            .unwrap();
        let third = bed.claim(&one, "mail", 9).await;
        assert_eq!(ids(&third), ["a3"], "a dead letter holds up nobody");
        // It comes back while another one of its key is worked on.
        let redriven = bed.queues.redrive("mail.dead", None, soon()).await;
        assert_eq!(redriven.unwrap(), 1);
        assert!(bed.claim(&one, "mail", 9).await.is_empty());
        bed.queues
            .end(&one, third[0].1, End::Acknowledge, soon())
            .await
            .unwrap();
        assert_eq!(ids(&bed.claim(&one, "mail", 9).await), ["a2"]);
    }
}

#[tokio::test]
async fn a_message_is_given_when_it_is_due_and_not_before() {
    for bed in beds() {
        let delay = Duration::from_millis(300);
        let late = Message {
            delay,
            ..message("mail", "late")
        };
        bed.send(&[late, message("mail", "now")]).await;
        let one = bed.join("one").await;
        assert_eq!(ids(&bed.claim(&one, "mail", 9).await), ["now"]);
        let claim = bed.queues.claim(&one, "mail", 9, soon()).await.unwrap();
        assert!(claim.messages.is_empty());
        let next_in = claim.next_in.unwrap();
        assert!(next_in <= delay, "{next_in:?}");
        let late =
            crate::test_wait::until("it is due", async || bed.claim(&one, "mail", 9).await.pop());
        assert_eq!(late.await.0, "late");
        let claim = bed.queues.claim(&one, "mail", 9, soon()).await.unwrap();
        assert_eq!(claim.next_in, None, "nothing waits for its time only");
    }
}

#[tokio::test]
async fn what_an_owner_leaves_behind_is_ready_for_others() {
    for bed in beds() {
        bed.send(&[message("mail", "1")]).await;
        let (one, two) = (bed.join("one").await, bed.join("two").await);
        let (_, number) = bed.claim(&one, "mail", 1).await[0];
        bed.queues.renew(&one, soon()).await.unwrap();
        bed.queues.leave(&one, soon()).await.unwrap();
        assert_eq!(bed.queues.renew(&one, soon()).await, Err(Error::LeaseEnded));
        assert!(
            bed.claim(&one, "mail", 1).await.is_empty(),
            "it has no lease"
        );
        let claim = bed.queues.claim(&two, "mail", 1, soon()).await.unwrap();
        assert_eq!(claim.messages[0].attempts, 2);
        let late = bed.queues.end(&one, number, End::Acknowledge, soon());
        assert!(!late.await.unwrap(), "it is another's by now");
    }
}

#[tokio::test]
async fn a_message_that_is_released_was_not_attempted() {
    for bed in beds() {
        bed.send(&[message("mail", "1")]).await;
        let one = bed.join("one").await;
        let (_, number) = bed.claim(&one, "mail", 1).await[0];
        let released = bed
            .queues
            .end(&one, number, End::Release(Duration::ZERO), soon());
        assert!(released.await.unwrap());
        let claim = bed.queues.claim(&one, "mail", 1, soon()).await.unwrap();
        assert_eq!(claim.messages[0].attempts, 1);
    }
}

#[tokio::test]
async fn a_dead_letter_tells_its_failures_and_comes_back_when_it_is_redriven() {
    for bed in beds() {
        bed.send(&[message("mail", "1"), message("mail", "2")])
            .await;
        let one = bed.join("one").await;
        for attempt in 0..MAX_FAILURES + 5 {
            let (_, number) = bed.claim(&one, "mail", 1).await[0];
            let failure = format!("{{\"attempt\":{attempt}}}");
            let retried =
                bed.queues
                    .end(&one, number, End::Retry(Duration::ZERO, &failure), soon());
            assert!(retried.await.unwrap());
        }
        for _ in 0..2 {
            let (_, number) = bed.claim(&one, "mail", 1).await[0];
            bed.queues
                .end(&one, number, End::Bury("{\"attempt\":\"last\"}"), soon())
                .await
                .unwrap();
        }
        assert!(
            bed.claim(&one, "mail.dead", 1).await.len() == 1,
            "a dead letter can be claimed"
        );
        let dead = bed.queues.list("mail.dead", 0, soon()).await.unwrap();
        assert_eq!(dead.len(), 2);
        assert!(
            dead.iter()
                .all(|letter| letter.failures.ends_with("{\"attempt\":\"last\"}]"))
        );
        let failures = |letter: &super::Listed| letter.failures.matches("attempt").count();
        assert!(dead.iter().all(|letter| failures(letter) <= MAX_FAILURES));
        assert_eq!(
            bed.counts().await,
            [("mail".to_owned(), 0), ("mail.dead".to_owned(), 2)].into()
        );
        let free = dead.iter().find(|letter| !letter.is_claimed).unwrap();
        let redriven = bed
            .queues
            .redrive("mail.dead", Some(free.number), soon())
            .await;
        assert_eq!(redriven.unwrap(), 1);
        assert_eq!(
            bed.queues.redrive("mail", None, soon()).await.unwrap(),
            0,
            "it is no dead-letter queue"
        );
        let claim = bed.queues.claim(&one, "mail", 9, soon()).await.unwrap();
        assert_eq!((claim.messages.len(), claim.messages[0].attempts), (1, 1));
    }
}

#[tokio::test]
async fn a_queue_takes_no_more_than_it_has_room_for() {
    for bed in beds() {
        let room = Room {
            messages: 2,
            bytes: 1 << 20,
        };
        let send = async |id: &str| {
            bed.queues
                .send(vec![message("mail", id)], room, soon())
                .await
        };
        send("1").await.unwrap();
        send("2").await.unwrap();
        let full = Err(Error::Full {
            queue: "mail".to_owned(),
        });
        assert_eq!(send("3").await, full);
        let other = bed.queues.send(vec![message("other", "1")], room, soon());
        other.await.expect("a full queue does not fill another");
        let one = bed.join("one").await;
        let (_, number) = bed.claim(&one, "mail", 1).await[0];
        bed.queues
            .end(&one, number, End::Bury("{}"), soon())
            .await
            .unwrap();
        assert_eq!(send("3").await, full, "dead letters count");
        assert_eq!(
            bed.queues.delete("mail.dead", None, soon()).await.unwrap(),
            1
        );
        send("3").await.unwrap();
        let bytes = Room {
            messages: 9,
            bytes: 3,
        };
        let sent = bed
            .queues
            .send(vec![message("mail", "4")], bytes, soon())
            .await;
        assert_eq!(sent, full);
    }
}

#[tokio::test]
async fn messages_that_are_too_large_or_too_many_are_refused_as_a_whole() {
    for bed in beds() {
        let mut large = message("mail", "large");
        large.contents.data = vec![0; MAX_MESSAGE_BYTES];
        let sent = bed
            .queues
            .send(vec![message("mail", "1"), large], ROOM, soon());
        assert!(matches!(sent.await, Err(Error::TooLarge { .. })));
        let many: Vec<_> = (0..=MAX_SENT)
            .map(|id| message("mail", &id.to_string()))
            .collect();
        let sent = bed.queues.send(many[..MAX_SENT].to_vec(), ROOM, soon());
        sent.await.unwrap();
        let sent = bed.queues.send(many, ROOM, soon()).await;
        assert!(matches!(sent, Err(Error::TooMany { .. })));
        assert_eq!(bed.counts().await["mail"], MAX_SENT as u64);
    }
}

#[tokio::test]
async fn a_claim_takes_few_bytes_but_at_least_one_message() {
    for bed in beds() {
        let bytes = MAX_MESSAGE_BYTES - 100;
        let many = MAX_CLAIM_BYTES / bytes + 2;
        for id in 0..many {
            let mut large = message("mail", &id.to_string());
            large.contents.data = vec![b'x'; bytes];
            bed.send(&[large]).await;
        }
        let one = bed.join("one").await;
        let first = bed.claim(&one, "mail", many).await.len();
        assert!((many - 3..many).contains(&first), "{first} of {many}");
        assert_eq!(bed.claim(&one, "mail", many).await.len(), many - first);
    }
}

#[tokio::test]
async fn lists_have_pages() {
    for bed in beds() {
        let many: Vec<_> = (0..150)
            .map(|id| message("mail", &id.to_string()))
            .collect();
        bed.send(&many).await;
        let first = bed.queues.list("mail", 0, soon()).await.unwrap();
        let last = first.last().unwrap().number;
        let second = bed.queues.list("mail", last, soon()).await.unwrap();
        let numbers = first.iter().chain(&second).map(|message| &message.contents);
        let sent = many.iter().map(|message| &message.contents);
        assert!(numbers.eq(sent), "all of them, in their order");
        assert_eq!(bed.queues.delete("mail", None, soon()).await.unwrap(), 150);
        assert_eq!(bed.counts().await["mail"], 0);
    }
}

#[tokio::test]
async fn ten_thousand_keys_do_not_wait_for_each_other() {
    for bed in beds() {
        for part in 0..10 {
            let of = |number: i32| {
                let id = format!("{part}-{number}");
                keyed(&id, &id)
            };
            bed.send(&(0..1_000).map(of).collect::<Vec<_>>()).await;
        }
        let one = bed.join("one").await;
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let claimed = bed.claim(&one, "mail", 256).await;
            if claimed.is_empty() {
                break;
            }
            seen.extend(claimed.into_iter().map(|(id, _)| id));
        }
        assert_eq!(seen.len(), 10_000);
    }
}

#[tokio::test]
async fn dead_letters_wait_for_nothing() {
    for bed in beds() {
        bed.send(&[message("mail", "1")]).await;
        let one = bed.join("one").await;
        let (_, number) = bed.claim(&one, "mail", 1).await[0];
        bed.queues
            .end(&one, number, End::Bury("{}"), soon())
            .await
            .unwrap();
        let waiting = async |name: &str| {
            let figures = bed.queues.figures(soon()).await.unwrap();
            let mut figures = figures.into_iter();
            figures.find(|of| of.queue == name).unwrap().waiting
        };
        bed.send(&[message("mail", "2")]).await;
        crate::test_wait::until("the message waits", async || {
            (!waiting("mail").await.is_zero()).then_some(())
        })
        .await;
        assert!(waiting("mail.dead").await.is_zero());
    }
}

#[tokio::test]
async fn of_those_who_set_a_schedule_at_once_one_does() {
    for bed in beds() {
        let set = async |from, to| bed.queues.reschedule("daily", from, to, soon()).await;
        assert!(set(None, Some(10)).await.unwrap());
        assert!(!set(None, Some(11)).await.unwrap(), "it is there");
        assert!(!set(Some(9), Some(11)).await.unwrap(), "it is at 10");
        let racing = (20..30).map(|to| set(Some(10), Some(to)));
        let won = futures::future::join_all(racing).await;
        let won: Vec<bool> = won.into_iter().map(Result::unwrap).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let next = 20 + i64::try_from(won.iter().position(|won| *won).unwrap()).unwrap();
        let other = bed.queues.reschedule("other", None, Some(1), soon()).await;
        assert!(other.unwrap());
        let mut all = bed.queues.schedules(soon()).await.unwrap();
        all.sort_by(|one, two| one.name.cmp(&two.name));
        let all: Vec<_> = all.iter().map(|of| (&*of.name, of.next)).collect();
        assert_eq!(all, [("daily", next), ("other", 1)]);
        assert!(!set(Some(10), None).await.unwrap());
        assert!(set(Some(next), None).await.unwrap());
        assert!(!set(Some(next), Some(40)).await.unwrap(), "it is gone");
        assert_eq!(bed.queues.schedules(soon()).await.unwrap().len(), 1);
    }
}
