//! Delivers events on demand, as a queue does by itself: those that were sent, and those in the outboxes of the databases.

use rusqlite::{Connection, Row};

use super::{Answer, Host, State};
use crate::queue::Event;
use crate::{Handler, Request};

/// The events of an outbox in their order.
const READ: &str = "SELECT * FROM outbox ORDER BY number";

impl Host {
    /// Delivers the events of a queue to a handler, one after the other, in the order in which they were sent, and returns its
    /// answers. Before that, it sends the events in the outboxes. An event without a 2xx answer stays in the queue: the next call
    /// delivers it again.
    ///
    /// ```
    /// use terrace_sdk::{Body, Request, Response, queue::{self, Event}, testing::Host};
    ///
    /// async fn consumer(request: Request) -> Response {
    ///     let event = Event::read(request).await.unwrap();
    ///     Response::new(Body::from(event.id))
    /// }
    ///
    /// let host = Host::new();
    /// host.run(queue::send("mail", Event::new("7", "/letters", "letter"))).unwrap();
    /// assert_eq!(host.deliver("mail", consumer)[0].text(), "7");
    /// assert!(host.deliver("mail", consumer).is_empty());
    /// ```
    ///
    /// # Panics
    ///
    /// If an outbox has other columns than `queue::outbox` fills.
    pub fn deliver<A>(&self, queue: &str, handler: impl Handler<A> + Copy) -> Vec<Answer> {
        relay(&self.0);
        let (due, others): (Vec<_>, Vec<_>) = self
            .0
            .undelivered
            .take()
            .into_iter()
            .partition(|(name, _)| name == queue);
        *self.0.undelivered.borrow_mut() = others;
        let deliver = |(name, event): (String, Event)| {
            let answer = self.call(handler, request(&name, event.clone()));
            if !answer.status.is_success() {
                self.0.undelivered.borrow_mut().push((name, event));
            }
            answer
        };
        due.into_iter().map(deliver).collect()
    }
}

impl Host {
    /// Calls a handler as its schedule of this name does when its time has come. `time` is that time, in RFC 3339.
    ///
    /// ```
    /// use terrace_sdk::{Request, queue::Event, testing::Host};
    ///
    /// async fn digest(request: Request) -> String {
    ///     let event = Event::read(request).await.unwrap();
    ///     format!("{:?} at {:?}", event.schedule(), event.time)
    /// }
    ///
    /// let answer = Host::new().fire("digest", "2026-11-28T07:30:00Z", digest);
    /// assert_eq!(answer.text(), r#"Some("digest") at Some("2026-11-28T07:30:00Z")"#);
    /// ```
    pub fn fire<A>(&self, schedule: &str, time: &str, handler: impl Handler<A>) -> Answer {
        self.call(
            handler,
            request("schedules", Event::of_schedule(schedule, time)),
        )
    }
}

fn request(queue: &str, event: Event) -> Request {
    let request = event.into_request(queue);
    request.expect("an event that was sent makes a request")
}

/// Sends what is in the outboxes.
fn relay(state: &State) {
    let databases = state.databases.borrow();
    for database in databases.values() {
        for (queue, event) in take(database) {
            state.send(queue, event);
        }
    }
}

/// Takes all events out of the outbox of a database; none if it has no outbox.
fn take(database: &Connection) -> Vec<(String, Event)> {
    let has_outbox = database.table_exists(None, "outbox");
    if !has_outbox.expect("the database can be read") {
        return Vec::new();
    }
    empty(database).expect("the outbox has the columns of an event")
}

fn empty(database: &Connection) -> rusqlite::Result<Vec<(String, Event)>> {
    let mut statement = database.prepare(READ)?;
    let events = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    database.execute("DELETE FROM outbox", [])?;
    Ok(events)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(String, Event)> {
    let event = Event {
        subject: row.get("subject")?,
        time: row.get("time")?,
        content_type: row.get("datacontenttype")?,
        // A table need not have the column.
        trace: row
            .get::<_, Option<String>>("traceparent")
            .unwrap_or_default(),
        data: row
            .get::<_, Option<Vec<u8>>>("data")?
            .unwrap_or_default()
            .into(),
        ..Event::new(
            row.get::<_, String>("id")?,
            row.get::<_, String>("source")?,
            row.get::<_, String>("type")?,
        )
    };
    Ok((row.get("queue")?, event))
}
