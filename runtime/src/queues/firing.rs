//! Fires schedules: sends their messages when it is time. All servers on one engine look at the same times; each message has the id
//! of its time, so that those of two servers are one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use storage::queue::{self, Contents, Message};
use tokio::time::sleep;

use super::AppQueues;
use super::limits::{ENGINE_TIMEOUT, MISSED_AFTER, POLL_INTERVAL};
use crate::clock;
use crate::event::Event;
use crate::manifest::{Missed, Schedule};
use crate::observe::Fired;

/// The type of the events of schedules.
const KIND: &str = "terrace.schedule";

/// A schedule of the app, as it is fired.
pub(crate) struct Firing {
    component: String,
    /// The queue of its messages.
    queue: String,
    schedule: Schedule,
    /// Its name at the engine. With another rule it is another schedule.
    row: String,
}

/// Fires the schedules of an app, for as long as it is polled.
pub(crate) async fn fire(app: &AppQueues) -> Infallible {
    let mut is_new = true;
    let mut has_failed = false;
    loop {
        let pause = match fire_due(app, is_new).await {
            Ok(pause) => {
                (is_new, has_failed) = (false, false);
                if app.schedules.is_empty() {
                    std::future::pending::<()>().await;
                }
                pause
            }
            Err(error) => {
                if !has_failed {
                    tracing::warn!("schedules cannot be fired: {error}; it is tried again");
                }
                has_failed = true;
                POLL_INTERVAL
            }
        };
        sleep(pause).await;
    }
}

/// Fires what is due, and returns the time until it is to be called again.
async fn fire_due(app: &AppQueues, is_new: bool) -> Result<Duration, queue::Error> {
    let Some(engine) = app.queues.engine() else {
        return Ok(POLL_INTERVAL);
    };
    let deadline = clock::now() + ENGINE_TIMEOUT;
    let rows = engine.schedules(deadline).await?.into_iter();
    let rows: BTreeMap<String, i64> = rows.map(|row| (row.name, row.next)).collect();
    if is_new {
        forget(app, engine, &rows).await?;
    }
    let now = Timestamp::try_from(clock::time_of_day()).unwrap_or_default();
    let mut pause = Ok(POLL_INTERVAL);
    for firing in &app.schedules {
        let row = rows.get(&firing.row).copied();
        // One whose queue is full is in the way of no other.
        match firing.tend(app, engine, row, now).await {
            Ok(left) => pause = pause.map(|pause| pause.min(left)),
            Err(error) => pause = Err(error),
        }
    }
    pause
}

/// Forgets the schedules that components of this app do not have any more, or have with another rule.
async fn forget(
    app: &AppQueues,
    engine: &queue::Queues,
    rows: &BTreeMap<String, i64>,
) -> Result<(), queue::Error> {
    for (row, next) in rows {
        let (component, _) = row.split_once('/').unwrap_or_default();
        let is_ours = app.components.iter().any(|ours| ours == component);
        if is_ours && app.schedules.iter().all(|firing| firing.row != *row) {
            let deadline = clock::now() + ENGINE_TIMEOUT;
            engine.reschedule(row, Some(*next), None, deadline).await?;
        }
    }
    Ok(())
}

impl Firing {
    pub(crate) fn new(component: &str, queue: String, schedule: &Schedule) -> Self {
        Self {
            row: format!("{component}/{} {}", schedule.name, schedule.rule),
            component: component.to_owned(),
            queue,
            schedule: schedule.clone(),
        }
    }

    /// The first time after this one, in seconds since 1970.
    fn next(&self, after: Timestamp) -> Option<i64> {
        self.schedule.rule.next(after).map(Timestamp::as_second)
    }

    /// Fires it if it is due. Returns the time until it is to be looked at again.
    async fn tend(
        &self,
        app: &AppQueues,
        engine: &queue::Queues,
        row: Option<i64>,
        now: Timestamp,
    ) -> Result<Duration, queue::Error> {
        let Some(next) = row else {
            let deadline = clock::now() + ENGINE_TIMEOUT;
            let next = self.next(now);
            engine.reschedule(&self.row, None, next, deadline).await?;
            return Ok(next.map_or(POLL_INTERVAL, |_| Duration::ZERO));
        };
        let due = Timestamp::from_second(next).unwrap_or(now);
        match Duration::try_from(due.duration_since(now)) {
            Ok(left) if !left.is_zero() => Ok(left),
            _ => {
                self.fire(app, engine, due, now).await?;
                Ok(Duration::ZERO)
            }
        }
    }

    /// Sends the message of the time `due`, unless there is a reason not to, and moves on to the next time. The message comes first: a
    /// server that dies in between leaves it to another to move on.
    async fn fire(
        &self,
        app: &AppQueues,
        engine: &queue::Queues,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<(), queue::Error> {
        let late = now.duration_since(due);
        let is_missed = late > SignedDuration::try_from(MISSED_AFTER).unwrap_or_default();
        let fired = if is_missed && self.schedule.missed == Missed::Skip {
            Fired::Missed
        } else if self.waits(engine).await? {
            Fired::Waiting
        } else {
            let deadline = clock::now() + ENGINE_TIMEOUT;
            app.store(vec![self.message(due)], deadline).await?;
            Fired::Sent
        };
        let next = self.next(now.max(due));
        let (from, deadline) = (Some(due.as_second()), clock::now() + ENGINE_TIMEOUT);
        let is_first = engine.reschedule(&self.row, from, next, deadline).await?;
        if is_first {
            app.queues.metrics().fired(&self.queue, fired);
        }
        Ok(())
    }

    /// Whether a message of an earlier time waits for its turn.
    async fn waits(&self, engine: &queue::Queues) -> Result<bool, queue::Error> {
        let deadline = clock::now() + ENGINE_TIMEOUT;
        let listed = engine.list(&self.queue, 0, deadline).await?.into_iter();
        let mut waiting = listed.filter(|message| !message.is_claimed);
        Ok(waiting.any(|message| {
            let event = Event::stored(&message.contents.head, Vec::new());
            event.is_ok_and(|event| event.attribute("subject") == Some(&*self.schedule.name))
        }))
    }

    fn message(&self, due: Timestamp) -> Message {
        let (component, name) = (&self.component, &self.schedule.name);
        let mut event = Event::default();
        for (attribute, value) in [
            ("id", format!("{component}/{name}/{due}")),
            ("source", format!("/schedules/{component}")),
            ("type", KIND.to_owned()),
            ("subject", name.clone()),
            ("time", due.to_string()),
            ("specversion", "1.0".to_owned()),
        ] {
            event.set_attribute(attribute, value);
        }
        Message {
            queue: self.queue.clone(),
            id: event.identity(),
            key: Some(name.clone()),
            delay: Duration::ZERO,
            contents: Contents {
                head: event.head(),
                data: Vec::new(),
            },
        }
    }
}
