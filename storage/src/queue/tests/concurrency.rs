//! Several processes at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::bed::{
    Bed, beds, keyed, message, on_jetstream, on_postgres, on_replicated_jetstream, owner, soon,
};
use crate::queue::limits::MAX_HELD;
use crate::queue::{End, Error, MAX_CLAIM, MAX_SENT, Message, Queues, Room};
use crate::sql::open::PostgresOptions;
use crate::sql::{self, Value};

const PRODUCERS: usize = 4;
const CONSUMERS: usize = 4;
const MESSAGES: usize = 60;

/// Stands for the messages without a key, which have no order.
const UNKEYED: &str = "3";

/// Messages that were done, by key: their producer and number; and who is at work on a key.
#[derive(Default)]
struct Work {
    done: Mutex<BTreeMap<String, Vec<(usize, usize)>>>,
    at_work: Mutex<BTreeMap<String, usize>>,
    count: AtomicUsize,
}

#[tokio::test]
async fn messages_of_one_key_are_in_order_however_many_send_and_consume() {
    let replicated = on_replicated_jetstream().await;
    for bed in beds().into_iter().chain([replicated]) {
        let (one, two) = (bed.queues.clone(), bed.another());
        let work = Work::default();
        let producing = (0..PRODUCERS).map(|producer| {
            let queues = if producer % 2 == 0 { &one } else { &two };
            produce(queues, producer)
        });
        let consuming = (0..CONSUMERS).map(|consumer| {
            let queues = if consumer % 2 == 0 { &one } else { &two };
            consume(queues, consumer, &work)
        });
        futures::join!(join_all(producing), join_all(consuming));
        let done = work.done.into_inner().unwrap();
        for (key, done) in done.iter().filter(|(key, _)| *key != UNKEYED) {
            for producer in 0..PRODUCERS {
                let of = done.iter().filter(|(by, _)| *by == producer);
                let numbers: Vec<_> = of.map(|(_, number)| *number).collect();
                assert!(numbers.is_sorted(), "{key} of {producer}: {numbers:?}");
            }
        }
        assert_eq!(
            done.values().map(Vec::len).sum::<usize>(),
            PRODUCERS * MESSAGES
        );
    }
}

/// Sends messages of three keys and of none, one after the other.
async fn produce(queues: &Queues, producer: usize) {
    for number in 0..MESSAGES {
        let id = format!("{producer} {number}");
        let message = match number % 4 {
            3 => message("mail", &id),
            key => keyed(&id, &key.to_string()),
        };
        let sent = queues.send(vec![message], super::ROOM, soon());
        sent.await.unwrap();
    }
}

async fn consume(queues: &Queues, consumer: usize, work: &Work) {
    let owner = owner(&format!("consumer {consumer}"));
    queues.join(&owner, soon()).await.unwrap();
    while work.count.load(Ordering::Relaxed) < PRODUCERS * MESSAGES {
        // On SQLite a look at an empty queue waits for nothing.
        tokio::task::yield_now().await;
        let claim = queues.claim(&owner, "mail", 3, soon()).await.unwrap();
        for claimed in claim.messages {
            let id = String::from_utf8(claimed.contents.data).unwrap();
            let (producer, number) = id.split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            let key = (number % 4).to_string();
            let is_keyed = key != UNKEYED;
            if is_keyed {
                let before = work.at_work.lock().unwrap().insert(key.clone(), consumer);
                assert_eq!(before, None, "two work on {key}");
            }
            tokio::task::yield_now().await;
            let done = (producer.parse().unwrap(), number);
            work.done
                .lock()
                .unwrap()
                .entry(key.clone())
                .or_default()
                .push(done);
            if is_keyed {
                work.at_work.lock().unwrap().remove(&key);
            }
            let acknowledged = queues.end(&owner, claimed.number, End::Acknowledge, soon());
            assert!(acknowledged.await.unwrap());
            work.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_process_that_waits_hears_of_what_another_sends() {
    for bed in [on_postgres(), on_jetstream()] {
        hears(&bed).await;
    }
}

async fn hears(bed: &Bed) {
    let other = bed.another();
    let one = bed.join("one").await;
    // Listening begins some time after the start; nothing tells when.
    let heard = crate::test_wait::until("it hears", async || {
        assert!(bed.claim(&one, "mail", 1).await.is_empty());
        let id = format!("{:?}", soon());
        other
            .send(vec![message("mail", &id)], super::ROOM, soon())
            .await
            .unwrap();
        let heard = tokio::time::timeout(std::time::Duration::from_millis(100), bed.queues.heard());
        let heard = heard.await.ok();
        let (_, number) = bed.claim(&one, "mail", 1).await[0];
        bed.queues
            .end(&one, number, End::Acknowledge, soon())
            .await
            .unwrap();
        heard
    });
    assert_eq!(heard.await, "mail");
}

/// However many later messages of their keys another process has seen.
#[tokio::test]
async fn what_a_process_leaves_behind_comes_before_what_waits_for_it() {
    for bed in beds() {
        let other = bed.another();
        for turn in ["first", "second"] {
            let of = |key: usize| keyed(&format!("{turn} {key}"), &key.to_string());
            bed.send(&(0..10).map(of).collect::<Vec<_>>()).await;
        }
        let (one, two) = (bed.join("one").await, owner("two"));
        other.join(&two, soon()).await.unwrap();
        assert_eq!(bed.claim(&one, "mail", 10).await.len(), 10);
        for _ in 0..10 {
            let claim = other.claim(&two, "mail", 2, soon()).await.unwrap();
            assert!(claim.messages.is_empty(), "others come before them");
        }
        bed.queues.leave(&one, soon()).await.unwrap();
        let mut done = Vec::new();
        while done.len() < 20 {
            tokio::task::yield_now().await;
            let claim = other.claim(&two, "mail", 2, soon()).await.unwrap();
            for claimed in claim.messages {
                let acknowledged = other
                    .end(&two, claimed.number, End::Acknowledge, soon())
                    .await;
                assert!(acknowledged.unwrap());
                done.push(String::from_utf8(claimed.contents.data).unwrap());
            }
        }
        for key in 0..10 {
            let place = |turn| done.iter().position(|id| *id == format!("{turn} {key}"));
            assert!(place("first") < place("second"), "{done:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_of_somebody_else_is_refused_and_left_as_it_is() {
    let bed = on_jetstream();
    let theirs = async_nats::connect(bed.url()).await.unwrap();
    let theirs = async_nats::jetstream::new(theirs);
    let config = async_nats::jetstream::stream::Config {
        name: "tested=queue=mail".to_owned(),
        subjects: vec!["theirs.*".to_owned()],
        ..Default::default()
    };
    theirs.create_stream(config).await.unwrap();
    let queues = ["mail".to_owned()];
    let prepared = bed.queues.prepare(&queues, super::ROOM, soon()).await;
    let error = prepared.unwrap_err().to_string();
    assert!(error.contains("was not made by this program"), "{error}");
    let sent = bed
        .queues
        .send(vec![message("mail", "1")], super::ROOM, soon());
    sent.await.expect_err("it has no stream");
    let stream = theirs.get_stream("tested=queue=mail").await.unwrap();
    let there = stream.cached_info();
    assert_eq!(
        (&*there.config.subjects, there.state.messages),
        (&["theirs.*".to_owned()][..], 0)
    );
}

#[tokio::test]
async fn apps_with_prefixes_that_begin_alike_see_and_change_nothing_of_each_other() {
    let (bed, folder) = (on_jetstream(), tempfile::tempdir().unwrap());
    let few = Room {
        messages: 7,
        bytes: 1 << 20,
    };
    for prefix in ["tested-queue-a", "tested=queue=a", "tested.queue.a"] {
        let other = bed.of_app(prefix, &folder);
        let sent = other.send(vec![message("mail", prefix)], few, soon());
        sent.await.unwrap();
        for queue in ["mail", "a-queue-mail", "a=queue=mail", "a.queue.mail"] {
            bed.send(&[message(queue, prefix)]).await;
        }
        let figures = other.figures(soon()).await.unwrap();
        let seen: Vec<_> = figures.iter().map(|of| (&*of.queue, of.messages)).collect();
        assert_eq!(seen, [("mail", 1)], "{prefix}");
        let one = owner(prefix);
        other.join(&one, soon()).await.unwrap();
        let claim = other.claim(&one, "mail", 9, soon()).await.unwrap();
        assert_eq!(claim.messages.len(), 1, "{prefix}");
        assert_eq!(claim.messages[0].contents.data, prefix.as_bytes());
        assert_eq!(other.delete("mail", None, soon()).await, Ok(0), "{prefix}");
        other.leave(&one, soon()).await.unwrap();
        assert_eq!(other.delete("mail", None, soon()).await, Ok(1), "{prefix}");
    }
    let counts = bed.counts().await;
    let seen: Vec<_> = counts
        .iter()
        .map(|(queue, count)| (&**queue, *count))
        .collect();
    let theirs = ["a-queue-mail", "a.queue.mail", "a=queue=mail", "mail"];
    assert_eq!(seen, theirs.map(|queue| (queue, 3)));
}

/// More messages of its key wait than a process holds.
#[tokio::test]
async fn a_key_whose_first_message_another_works_on_holds_up_no_other_key() {
    for bed in beds() {
        let other = bed.another();
        let ids: Vec<_> = (0..MAX_HELD + 200).map(|id| format!("{id:05}")).collect();
        let hot: Vec<_> = ids.iter().map(|id| keyed(id, "hot")).collect();
        for part in hot.chunks(MAX_SENT) {
            bed.send(part).await;
        }
        let (one, two) = (bed.join("one").await, owner("two"));
        other.join(&two, soon()).await.unwrap();
        let (first, number) = bed.claim(&one, "mail", 1).await.remove(0);
        assert_eq!(first, ids[0]);
        let claim = async || {
            tokio::task::yield_now().await;
            let claim = other.claim(&two, "mail", MAX_CLAIM, soon());
            claim.await.unwrap().messages
        };
        // It has seen as many of them as it takes.
        for _ in 0..10 {
            assert!(claim().await.is_empty(), "another works on their first");
        }
        bed.send(&[keyed("cold", "cold")]).await;
        let mut cold = Vec::new();
        for _ in 0..10 {
            cold.extend(claim().await);
        }
        let cold: Vec<_> = cold.iter().map(|claimed| &*claimed.contents.data).collect();
        assert_eq!(cold, [b"cold"]);
        let ended = bed.queues.end(&one, number, End::Acknowledge, soon());
        assert!(ended.await.unwrap());
        for id in &ids[1..] {
            let next = loop {
                if let Some(next) = claim().await.pop() {
                    break next;
                }
            };
            assert_eq!(next.contents.data, id.as_bytes());
            let ended = other.end(&two, next.number, End::Acknowledge, soon());
            assert!(ended.await.unwrap());
        }
    }
}

#[tokio::test]
async fn processes_that_make_a_stream_at_once_have_the_same() {
    let bed = on_jetstream();
    let others: Vec<_> = (0..4).map(|_| bed.another()).collect();
    for queue in 0..10 {
        let name = [format!("queue-{queue}")];
        let preparing = others
            .iter()
            .map(|other| other.prepare(&name, super::ROOM, soon()));
        let prepared = join_all(preparing).await;
        assert!(prepared.iter().all(Result::is_ok), "{prepared:?}");
    }
}

#[tokio::test]
async fn a_stream_follows_the_settings() {
    let bed = on_jetstream();
    let (queues, few) = (
        ["mail".to_owned()],
        Room {
            messages: 1,
            bytes: 1 << 20,
        },
    );
    bed.queues
        .prepare(&queues, super::ROOM, soon())
        .await
        .unwrap();
    bed.queues.prepare(&queues, few, soon()).await.unwrap();
    let other = bed.another();
    let send = async |id: &str| other.send(vec![message("mail", id)], few, soon()).await;
    send("1").await.unwrap();
    let queue = "mail".to_owned();
    assert_eq!(send("2").await, Err(Error::Full { queue }));
}

#[tokio::test]
async fn two_that_send_the_same_batch_at_once_send_it_once() {
    for bed in beds() {
        let (one, two) = (bed.queues.clone(), bed.another());
        for round in 0..10 {
            let batch: Vec<_> = (0..50)
                .map(|id| message("mail", &format!("{round} {id}")))
                .collect();
            let turned: Vec<Message> = batch.iter().rev().cloned().collect();
            let (first, second) = futures::join!(
                one.send(batch, super::ROOM, soon()),
                two.send(turned, super::ROOM, soon())
            );
            assert_eq!((first, second), (Ok(()), Ok(())));
        }
        assert_eq!(bed.counts().await["mail"], 500);
    }
}

/// A function of the app that has the database sees nothing of the queues in it.
#[tokio::test]
async fn statements_of_functions_do_not_reach_the_tables_of_queues() {
    let bed = on_postgres();
    bed.send(&[message("mail", "secret")]).await;
    let database = sql::Database::open_postgres(&bed.url(), &PostgresOptions::default()).unwrap();
    let mut session = database.session();
    for statement in [
        "SELECT data FROM terrace_queue.messages",
        "SELECT data FROM \"terrace_queue\".\"messages\"",
        "SELECT data FROM messages",
        "DELETE FROM terrace_queue.messages",
        "SELECT terrace_queue.drop('mail', NULL, 1)",
    ] {
        let answered = session
            .execute(statement, Vec::<Value>::new(), soon())
            .await;
        let error = answered.expect_err(statement);
        assert!(
            matches!(
                error,
                sql::Error::Statement { .. } | sql::Error::Forbidden { .. }
            ),
            "{error:?}"
        );
    }
    assert_eq!(bed.counts().await["mail"], 1);
}
