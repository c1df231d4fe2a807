//! Promise: a message that was accepted is delivered, to one consumer at a time, until it is done; after its last failure it is a dead
//! letter. A consumer that fails or is slow holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use terrace_tests::client::request;
use terrace_tests::judge::{Delivery, Judge, Verdict};
use terrace_tests::load::at_once;
use terrace_tests::wait::until;
use terrace_tests::{Answer, App, Beside, Client, Running, guest};
use tokio::sync::Semaphore;

/// Pauses between deliveries that a test can wait for.
const QUICK: &str = "backoff = \"20ms\", max_backoff = \"40ms\"";

/// An app that sends to queues, without a consumer.
fn sender() -> App {
    App::new()
        .component("sender", guest("relay"))
        .route("/send/...")
        .grant("allowed_outbound_hosts = [\"http://*.queue.internal\"]")
}

/// With a component that consumes as these lines say.
fn consumer(app: App, id: &str, judge: &Judge, consumes: &str) -> App {
    let url = judge.url();
    app.component(id, guest("relay"))
        .grant(&format!("allowed_outbound_hosts = [{url:?}]"))
        .grant(&format!("variables = {{ judge = {url:?} }}"))
        .limit(&format!("consumes = [{{ {consumes} }}]"))
}

fn mail(judge: &Judge, more: &str) -> App {
    consumer(
        sender(),
        "mailer",
        judge,
        &format!("queue = \"mail\", {QUICK}{more}"),
    )
}

/// The fields of an event.
fn event<'f>(id: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", "/tests"),
        ("ce-type", "tested"),
    ];
    fields.extend(more);
    fields
}

async fn post(app: &Running, queue: &str, fields: &[(&str, &str)], content: &str) -> Answer {
    let url = app.url(&format!("/send/{queue}"));
    let sent = request(Method::POST, &url, fields, content.to_owned());
    Client::default().send(sent).await
}

async fn send(app: &Running, id: &str, more: &[(&str, &str)]) {
    post(app, "mail", &event(id, more), "content")
        .await
        .expect(202);
}

/// Waits until so many deliveries of the queue `mail` have ended like this.
async fn until_delivered(app: &Running, result: &str, count: f64) {
    let labels = [("queue", "mail"), ("result", result)];
    let deliveries = "terrace_message_deliveries_total";
    app.until_metric(deliveries, &labels, |ended| ended == count)
        .await;
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(Delivery::id).collect()
}

#[tokio::test]
async fn an_event_comes_to_its_consumer_as_it_was_sent() {
    let judge = Judge::mild().await;
    let app = mail(&judge, "").start().await;
    let fields = event(
        "1",
        &[
            ("ce-subject", "50%20%25%20of%20Zo%C3%AB"),
            ("ce-partitionkey", "k"),
            ("content-type", "text/plain; charset=utf-8"),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
        ],
    );
    post(&app, "mail", &fields, "a letter").await.expect(202);
    let heard = judge.until_answered(1).await;
    let delivery = &heard[0];
    assert_eq!((&*delivery.queue, &*delivery.content), ("mail", "a letter"));
    for field in [
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-subject",
        "ce-partitionkey",
        "content-type",
    ] {
        let sent = fields.iter().find(|(name, _)| *name == field).unwrap();
        assert_eq!(delivery.field(field), sent.1, "{field}");
    }
    let trace = delivery.field("traceparent");
    assert!(
        trace.contains("0af7651916cd43dd8448eb211c80319c"),
        "{trace}"
    );
    let labels = [("queue", "mail")];
    until_delivered(&app, "acknowledged", 1.0).await;
    let metrics = app.metrics().await;
    assert_eq!(metrics.sum("terrace_messages_accepted_total", &labels), 1.0);
    assert_eq!(
        metrics.sum("terrace_message_latency_seconds_count", &labels),
        1.0
    );
    let route = [("route", "queue:mail"), ("status", "2xx")];
    assert_eq!(metrics.sum("terrace_requests_total", &route), 1.0);
    app.until_metric("terrace_queue_messages", &labels, |count| count == 0.0)
        .await;
}

#[tokio::test]
async fn events_come_as_json_and_in_batches_too() {
    let judge = Judge::mild().await;
    let app = mail(&judge, "").start().await;
    let one = |id: &str, data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":{id:?},"source":"/tests","type":"tested","data":{data}}}"#
        )
    };
    let structured = [("content-type", "application/cloudevents+json")];
    post(
        &app,
        "mail",
        &structured,
        &one("1", "{\"n\":9007199254740993}"),
    )
    .await
    .expect(202);
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let two = format!("[{},{}]", one("2", "\"two\""), one("3", "3"));
    post(&app, "mail", &batch, &two).await.expect(202);
    let heard = judge.until_answered(3).await;
    let contents: BTreeMap<_, _> = heard.iter().map(|of| (of.id(), &*of.content)).collect();
    assert_eq!(
        contents,
        [
            ("1", "{\"n\":9007199254740993}"),
            ("2", "\"two\""),
            ("3", "3")
        ]
        .into()
    );
    assert!(
        heard
            .iter()
            .all(|of| of.field("content-type") == "application/json")
    );
}

#[tokio::test]
async fn what_a_queue_does_not_take_is_refused_with_the_reason() {
    let judge = Judge::mild().await;
    let app = mail(&judge, "")
        .config("[queue]\nmessages = 3")
        .start()
        .await;
    let refused = async |queue: &str, fields: &[(&str, &str)], content: &str, status: u16| {
        let answer = post(&app, queue, fields, content).await.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        answer
    };
    let text = refused("mail", &[], "", 400).await.text();
    assert!(text.contains("ce-specversion"), "{text}");
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let text = refused("mail", &batch, "[{\"specversion\":\"1.0\"}]", 400)
        .await
        .text();
    assert!(
        text.contains("event 1 of the batch: the event has no `id`"),
        "{text}"
    );
    let text = refused("mail", &event("1", &[("delay", "soon")]), "", 400)
        .await
        .text();
    assert!(text.contains("whole number of seconds"), "{text}");
    let text = refused("post", &event("1", &[]), "", 404).await.text();
    assert!(text.contains("No component consumes this queue"), "{text}");
    let large = "x".repeat(128 * 1024 + 1);
    let text = refused("mail", &event("1", &[]), &large, 413).await.text();
    assert!(text.contains("at most 131072"), "{text}");
    let url = app.url("/send/mail");
    let get = Client::default()
        .send(request(Method::PUT, &url, &event("1", &[]), ""))
        .await;
    assert_eq!(get.expect(405).header("allow"), "POST");
    // Messages that are not due fill the queue.
    for id in ["a", "b", "c"] {
        send(&app, id, &[("delay", "1000")]).await;
    }
    let full = refused("mail", &event("d", &[]), "", 503).await;
    assert!(full.header("retry-after").parse::<u32>().unwrap() > 0);
    assert!(full.text().contains("full"), "{}", full.text());
    assert!(judge.heard().is_empty());
}

#[tokio::test]
async fn sending_needs_a_grant() {
    let judge = Judge::mild().await;
    let app = App::new()
        .component("sender", guest("relay"))
        .route("/send/...");
    let app = consumer(app, "mailer", &judge, "queue = \"mail\"")
        .start()
        .await;
    let answer = post(&app, "mail", &event("1", &[]), "").await.expect(502);
    assert!(answer.text().contains("denied"), "{}", answer.text());
}

#[tokio::test]
async fn a_message_comes_again_until_it_is_done() {
    let judge = Judge::new(async |delivery| {
        static FAILURES: AtomicUsize = AtomicUsize::new(0);
        match delivery.id() {
            "fails" if FAILURES.fetch_add(1, Ordering::Relaxed) < 3 => Verdict::failed(),
            _ => Verdict::done(),
        }
    });
    let judge = judge.await;
    let app = mail(&judge, "").start().await;
    send(&app, "fails", &[]).await;
    send(&app, "works", &[]).await;
    judge.until_answered(5).await;
    until_delivered(&app, "acknowledged", 2.0).await;
    let counts = [("fails".to_owned(), 4), ("works".to_owned(), 1)].into();
    assert_eq!(judge.counts(), counts);
}

#[tokio::test]
async fn a_message_that_always_fails_is_a_dead_letter_with_its_failures() {
    let judge = Judge::new(async |delivery| match delivery.field("ce-type") {
        "busy" => Verdict(503, vec![("retry-after", "0".to_owned())]),
        _ => Verdict::failed(),
    });
    let judge = judge.await;
    let app = mail(&judge, ", retries = 2").start().await;
    send(&app, "fails", &[]).await;
    let mut fields = event("traps", &[]);
    fields[3].1 = "trap";
    post(&app, "mail", &fields, "").await.expect(202);
    until_delivered(&app, "dead", 2.0).await;
    assert_eq!(judge.counts(), [("fails".to_owned(), 3)].into());
    let labels = [("queue", "mail.dead")];
    app.until_metric("terrace_queue_messages", &labels, |count| count == 2.0)
        .await;
}

#[tokio::test]
async fn a_consumer_that_fails_or_is_slow_holds_up_no_other() {
    let held = Arc::new(Semaphore::new(0));
    let hold = Arc::clone(&held);
    let judge = Judge::new(move |delivery| {
        let hold = Arc::clone(&hold);
        async move {
            match &*delivery.queue {
                "fails" => Verdict::failed(),
                "hangs" => {
                    hold.acquire().await.expect("it is not closed").forget();
                    Verdict::done()
                }
                _ => Verdict::done(),
            }
        }
    });
    let judge = judge.await;
    let mut app = sender();
    for queue in ["fails", "hangs", "works"] {
        let consumes = format!("queue = {queue:?}, concurrency = 4, {QUICK}");
        app = consumer(app, queue, &judge, &consumes);
    }
    let app = app.start().await;
    for id in 0..50 {
        let id = id.to_string();
        for queue in ["fails", "hangs", "works"] {
            post(&app, queue, &event(&id, &[]), "").await.expect(202);
        }
    }
    until("all are done that work", async || {
        let heard = judge.heard();
        let of = |queue| heard.iter().filter(|of| of.queue == queue).count();
        assert!(of("hangs") <= 4, "the others wait for a place");
        (of("works") == 50).then_some(())
    })
    .await;
    held.add_permits(50);
    until("those that hung go on", async || {
        let heard = judge.heard();
        let done = heard
            .iter()
            .filter(|of| of.queue == "hangs" && of.ended.is_some());
        (done.count() == 50).then_some(())
    })
    .await;
}

/// No two deliveries of a key were at the same time, and the first ones came in the order in which they were sent.
fn assert_ordered(heard: &[Delivery], field: &str) {
    let mut by_key: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
    for delivery in heard {
        by_key
            .entry(delivery.field(field))
            .or_default()
            .push(delivery);
    }
    for (key, deliveries) in by_key {
        for pair in deliveries.windows(2) {
            let ended = pair[0].ended.expect("it was answered");
            assert!(ended <= pair[1].begun, "two of {key} were at once");
        }
        let mut seen = BTreeSet::new();
        let mut first = deliveries
            .iter()
            .map(|of| of.id())
            .filter(|id| seen.insert(*id));
        let numbers: Vec<u32> = first
            .by_ref()
            .map(|id| id[id.len() - 4..].parse().expect("a number"))
            .collect();
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
}

#[tokio::test]
async fn messages_of_one_subject_come_one_at_a_time_in_their_order() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let judge = Judge::new(move |_| {
        let fails = counted.fetch_add(1, Ordering::Relaxed) % 7 == 3;
        async move {
            if fails {
                Verdict::failed()
            } else {
                Verdict::done()
            }
        }
    });
    let judge = judge.await;
    let app = mail(&judge, ", ordered_by = \"subject\", concurrency = 16")
        .start()
        .await;
    for number in 0..120 {
        let subject = format!("s{}", number % 8);
        send(&app, &format!("{number:04}"), &[("ce-subject", &subject)]).await;
    }
    until_delivered(&app, "acknowledged", 120.0).await;
    assert_ordered(&judge.heard(), "ce-subject");
}

#[tokio::test]
async fn two_thousand_subjects_are_all_served() {
    let judge = Judge::mild().await;
    let app = mail(&judge, ", ordered_by = \"subject\", concurrency = 64")
        .start()
        .await;
    let batch = [("content-type", "application/cloudevents-batch+json")];
    at_once(4, async |part| {
        let events = (0..500).map(|number| {
            let id = format!("{part}-{number:04}");
            format!(r#"{{"specversion":"1.0","id":{id:?},"source":"/tests","type":"t","subject":{id:?}}}"#)
        });
        let events = format!("[{}]", events.collect::<Vec<_>>().join(","));
        post(&app, "mail", &batch, &events).await.expect(202);
    })
    .await;
    until("all are delivered", async || {
        (judge.counts().len() == 2_000).then_some(())
    })
    .await;
    assert!(judge.counts().values().all(|count| *count == 1));
}

#[tokio::test]
async fn the_same_event_sent_twice_is_one_message() {
    let judge = Judge::mild().await;
    let app = mail(&judge, "").start().await;
    for _ in 0..3 {
        send(&app, "1", &[]).await;
    }
    judge.until_answered(1).await;
    send(&app, "1", &[]).await;
    send(&app, "2", &[]).await;
    let mut other = event("1", &[]);
    other[2].1 = "/elsewhere";
    post(&app, "mail", &other, "").await.expect(202);
    let heard = judge.until_answered(3).await;
    let seen: BTreeSet<_> = heard
        .iter()
        .map(|of| (of.id(), of.field("ce-source")))
        .collect();
    assert_eq!(
        seen,
        [("1", "/tests"), ("2", "/tests"), ("1", "/elsewhere")].into()
    );
}

#[tokio::test]
async fn a_delayed_message_comes_later() {
    let judge = Judge::mild().await;
    let app = mail(&judge, "").start().await;
    send(&app, "late", &[("delay", "2")]).await;
    send(&app, "now", &[]).await;
    let heard = judge.until_answered(2).await;
    assert_eq!(ids(&heard), ["now", "late"]);
    let between = heard[1].begun - heard[0].begun;
    assert!(between > Duration::from_millis(1_500), "{between:?}");
}

#[tokio::test]
async fn a_consumer_gets_batches_if_it_wants() {
    let (judge, gate) = Judge::gated().await;
    let app = mail(&judge, ", batch = 10, concurrency = 1").start().await;
    for id in 0..25 {
        send(&app, &id.to_string(), &[]).await;
    }
    gate.add_permits(100);
    let mut seen = BTreeSet::new();
    until("all come in batches", async || {
        for delivery in judge.heard() {
            assert_eq!(
                delivery.field("content-type"),
                "application/cloudevents-batch+json"
            );
            let batch: Vec<serde_json::Value> = serde_json::from_str(&delivery.content).unwrap();
            assert!(batch.len() <= 10);
            seen.extend(
                batch
                    .iter()
                    .map(|event| event["id"].as_str().unwrap().to_owned()),
            );
        }
        (seen.len() == 25).then_some(())
    })
    .await;
    until_delivered(&app, "acknowledged", 25.0).await;
    assert!(judge.heard().len() < 25, "fewer deliveries than messages");
}

#[tokio::test]
async fn events_go_to_all_that_subscribe_to_them() {
    let judge = Judge::mild().await;
    let app = sender();
    let app = consumer(app, "exact", &judge, "types = [\"article.published\"]");
    let app = consumer(app, "prefix", &judge, "types = [\"article.*\", \"user.*\"]");
    let app = consumer(app, "from", &judge, "types = [\"*\"], source = \"/other\"");
    let app = app.start().await;
    for (id, kind, source) in [
        ("1", "article.published", "/tests"),
        ("2", "article.deleted", "/tests"),
        ("3", "tag.made", "/other"),
        ("4", "tag.made", "/tests"),
    ] {
        let mut fields = event(id, &[]);
        (fields[2].1, fields[3].1) = (source, kind);
        post(&app, "events", &fields, "").await.expect(202);
    }
    let heard = judge.until_answered(4).await;
    let seen: BTreeSet<_> = heard.iter().map(|of| (&*of.queue, of.id())).collect();
    let expected = [
        ("events.exact", "1"),
        ("events.prefix", "1"),
        ("events.prefix", "2"),
        ("events.from", "3"),
    ];
    assert_eq!(seen, expected.into());
}

#[tokio::test]
async fn accepted_messages_survive_the_death_of_the_process() {
    let judge = Judge::new(async |delivery| {
        if delivery.field("ce-subject") == "first" {
            // The process is gone before there is an answer.
            std::future::pending::<()>().await;
        }
        Verdict::done()
    });
    let judge = judge.await;
    let app = mail(&judge, ", concurrency = 2").start().await;
    for id in 0..2 {
        send(&app, &format!("held-{id}"), &[("ce-subject", "first")]).await;
    }
    for id in 0..20 {
        send(&app, &id.to_string(), &[]).await;
    }
    until("two are worked on", async || {
        (judge.heard().len() == 2).then_some(())
    })
    .await;
    let other = Judge::mild().await;
    let app = app.kill_and_restart().await;
    judge.until_answered(20).await;
    let free = ids(&judge.heard())
        .iter()
        .filter(|id| !id.starts_with("held"))
        .count();
    assert_eq!(
        free, 20,
        "those that nobody worked on come at once, each once"
    );
    // Those of the process that died come when its lease has ended.
    until("the others come again", async || {
        let counts = judge.counts();
        (counts["held-0"] == 2 && counts["held-1"] == 2).then_some(())
    })
    .await;
    drop((app, other));
}

#[tokio::test]
async fn a_process_that_ends_in_order_finishes_what_it_works_on() {
    let (judge, gate) = Judge::gated().await;
    let app = mail(&judge, ", concurrency = 3").start().await;
    for id in 0..10 {
        send(&app, &id.to_string(), &[]).await;
    }
    until("three are worked on", async || {
        (judge.heard().len() == 3).then_some(())
    })
    .await;
    let ending = tokio::spawn(app.restart());
    // It claims nothing more while it ends.
    gate.add_permits(3);
    until("the three are answered", async || {
        let heard = judge.heard();
        (heard.iter().filter(|of| of.ended.is_some()).count() == 3).then_some(())
    })
    .await;
    let app = ending.await.unwrap();
    gate.add_permits(100);
    judge.until_answered(10).await;
    let labels = [("queue", "mail")];
    app.until_metric("terrace_queue_messages", &labels, |count| count == 0.0)
        .await;
    assert!(
        judge.counts().values().all(|count| *count == 1),
        "{:?}",
        judge.counts()
    );
}

#[tokio::test]
async fn two_processes_on_one_queue_share_its_messages() {
    let judge = Judge::mild().await;
    let app = mail(&judge, ", ordered_by = \"subject\"");
    let (one, two) = tokio::join!(app.start_beside(), app.start_beside());
    for number in 0..200 {
        let subject = format!("s{}", number % 10);
        let id = format!("{number:04}");
        let fields = event(&id, &[("ce-subject", &subject)]);
        let node = if number % 2 == 0 { &one } else { &two };
        let url = format!("{}/send/mail", node.http);
        let answer = Client::default()
            .send(request(Method::POST, &url, &fields, ""))
            .await;
        answer.expect(202);
    }
    until("all are delivered", async || {
        (judge.counts().len() == 200).then_some(())
    })
    .await;
    let heard = judge.until_answered(200).await;
    assert!(judge.counts().values().all(|count| *count == 1));
    assert_ordered(&heard, "ce-subject");
}

async fn queue(app: &Running, arguments: &[&str]) -> Vec<serde_json::Value> {
    let arguments = [&["queue"], arguments, &["--json"]].concat();
    let ended = app.administer(&arguments).await;
    assert!(ended.code == Some(0), "{}", ended.text);
    ended
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// An app with three dead letters, and what makes its consumer well.
async fn with_dead_letters() -> (Running, Judge, Arc<AtomicUsize>) {
    let is_well = Arc::new(AtomicUsize::new(0));
    let well = Arc::clone(&is_well);
    let judge = Judge::new(move |_| {
        let well = well.load(Ordering::Relaxed) > 0;
        async move {
            if well {
                Verdict::done()
            } else {
                Verdict::failed()
            }
        }
    });
    let judge = judge.await;
    let app = mail(&judge, ", retries = 1").start().await;
    for id in ["1", "2", "3"] {
        send(&app, id, &[]).await;
    }
    until_delivered(&app, "dead", 3.0).await;
    (app, judge, is_well)
}

#[tokio::test]
async fn an_operator_sees_dead_letters_with_their_failures() {
    let (app, _judge, _) = with_dead_letters().await;
    let overview = &queue(&app, &["ls"]).await[0]["queues"];
    let messages = |name: &str| {
        let mut queues = overview.as_array().unwrap().iter();
        queues.find(|queue| queue["queue"] == name).unwrap()["messages"].clone()
    };
    assert_eq!(
        (messages("mail"), messages("mail.dead")),
        (0.into(), 3.into())
    );
    let shown = queue(&app, &["show", "mail.dead"]).await;
    let letters = shown[0]["messages"].as_array().unwrap();
    assert_eq!(letters.len(), 3);
    let (state, kind) = (&letters[0]["state"], &letters[0]["event"]["type"]);
    assert_eq!((state, kind), (&"dead".into(), &"tested".into()));
    let failures = letters[0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2, "each attempt");
    assert!(
        failures[1]["reason"].as_str().unwrap().contains("500"),
        "{failures:?}"
    );
    let table = app.administer(&["queue", "show", "mail.dead"]).await.text;
    assert!(
        table.contains("last failure") && table.contains("tested 1"),
        "{table}"
    );
}

#[tokio::test]
async fn an_operator_delivers_dead_letters_again() {
    let (app, judge, is_well) = with_dead_letters().await;
    let shown = queue(&app, &["show", "mail.dead"]).await;
    let number = |index: usize| shown[0]["messages"][index]["number"].to_string();
    is_well.store(1, Ordering::Relaxed);
    let changed = async |arguments: &[&str]| queue(&app, arguments).await[0]["messages"].clone();
    assert_eq!(changed(&["redrive", "mail.dead", &number(0)]).await, 1);
    assert_eq!(changed(&["drop", "mail.dead", &number(1)]).await, 1);
    assert_eq!(changed(&["redrive", "mail.dead", "--all"]).await, 1);
    until_delivered(&app, "acknowledged", 2.0).await;
    assert_eq!(judge.counts().values().sum::<usize>(), 8);
    let refused = app.administer(&["queue", "redrive", "mail", "--all"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.text.contains("mail.dead"), "{}", refused.text);
}

#[tokio::test]
async fn messages_wait_while_their_component_has_no_room() {
    let judge = Judge::mild().await;
    let app = mail(&judge, ", retries = 0, concurrency = 16")
        .limit("concurrency = 1")
        .limit("queue = 0");
    let app = app.start().await;
    for id in 0..40 {
        send(&app, &id.to_string(), &[]).await;
    }
    until_delivered(&app, "acknowledged", 40.0).await;
    let dead = [("queue", "mail"), ("result", "dead")];
    let metrics = app.metrics().await;
    let dead = metrics.sum("terrace_message_deliveries_total", &dead);
    assert_eq!(dead, 0.0);
}

#[tokio::test]
async fn events_that_go_in_a_circle_end_as_a_dead_letter() {
    let app = sender()
        .component("mailer", guest("relay"))
        .grant("allowed_outbound_hosts = [\"http://mail.queue.internal\"]")
        .limit("consumes = [{ queue = \"mail\" }]");
    let app = app.start().await;
    let mut fields = event("1", &[]);
    fields[3].1 = "circle";
    post(&app, "mail", &fields, "").await.expect(202);
    let dead = [("queue", "mail.dead")];
    app.until_metric("terrace_queue_messages", &dead, |count| count == 1.0)
        .await;
    until_delivered(&app, "acknowledged", 64.0).await;
}

#[tokio::test]
async fn no_message_is_lost_or_stuck_while_the_app_is_swapped() {
    let judge = Judge::mild().await;
    let app = mail(&judge, "").develop().await;
    for round in 0..10 {
        let manifest = app.app().folder().join("spin.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, format!("{text}# round {round}\n")).unwrap();
        for id in 0..20 {
            send(&app, &format!("{round}-{id}"), &[]).await;
        }
        until("the messages of the round come", async || {
            (judge.counts().len() == (round + 1) * 20).then_some(())
        })
        .await;
    }
    let labels = [("queue", "mail")];
    app.until_metric("terrace_queue_messages", &labels, |count| count == 0.0)
        .await;
    assert!(judge.counts().values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_delivery_longer_than_a_lease_is_finished_by_a_process_that_ends() {
    let (judge, gate) = Judge::gated().await;
    let app = mail(&judge, "")
        .config("[limits]\ndrain_timeout = \"60s\"")
        .start()
        .await;
    send(&app, "1", &[]).await;
    until("it is worked on", async || {
        (judge.heard().len() == 1).then_some(())
    })
    .await;
    let begun = std::time::Instant::now();
    let ending = tokio::spawn(app.restart());
    until("a lease would have ended", async || {
        (begun.elapsed() > Duration::from_secs(17)).then_some(())
    })
    .await;
    gate.add_permits(9);
    let app = ending.await.unwrap();
    let labels = [("queue", "mail")];
    app.until_metric("terrace_queue_messages", &labels, |count| count == 0.0)
        .await;
    assert_eq!(judge.heard().len(), 1, "it is not delivered again");
}

#[tokio::test]
async fn the_latency_of_a_message_lasts_until_it_is_acknowledged() {
    let (judge, gate) = Judge::gated().await;
    let app = mail(&judge, "").start().await;
    send(&app, "1", &[]).await;
    let begun = until("it is worked on", async || {
        Some(judge.heard().first()?.begun)
    })
    .await;
    until("some time has passed", async || {
        (begun.elapsed() > Duration::from_millis(300)).then_some(())
    })
    .await;
    gate.add_permits(1);
    let latency = "terrace_message_latency_seconds_sum";
    let labels = [("queue", "mail")];
    app.until_metric(latency, &labels, |seconds| seconds > 0.3)
        .await;
}

/// It may stand still in the middle of its work, and go on when others have its messages.
#[tokio::test]
async fn a_process_that_stood_still_has_lost_its_messages() {
    let (judge, gate) = Judge::gated().await;
    let app = mail(&judge, ", ordered_by = \"subject\", concurrency = 1");
    let stopped = app.start_beside().await;
    let send_to = async |node: &Beside, id: &str| {
        let fields = event(id, &[("ce-subject", "one")]);
        let url = format!("{}/send/mail", node.http);
        let sent = request(Method::POST, &url, &fields, "");
        Client::default().send(sent).await.expect(202);
    };
    send_to(&stopped, "0001").await;
    until("it is worked on", async || {
        (judge.heard().len() == 1).then_some(())
    })
    .await;
    stopped.process.pause();
    let other = app.start_beside().await;
    send_to(&other, "0002").await;
    until("the other has it", async || {
        (judge.heard().len() == 2).then_some(())
    })
    .await;
    assert_eq!(
        ids(&judge.heard()),
        ["0001", "0001"],
        "the second waits for the first"
    );
    gate.add_permits(9);
    until("the second comes", async || {
        judge.counts().get("0002").copied()
    })
    .await;
    stopped.process.resume();
    send_to(&stopped, "0003").await;
    until("the third comes", async || {
        judge.counts().get("0003").copied()
    })
    .await;
    let counts = [
        ("0001".to_owned(), 2),
        ("0002".to_owned(), 1),
        ("0003".to_owned(), 1),
    ];
    assert_eq!(judge.counts(), counts.into());
}
