//! The work that no client waits for: what the queue and the clock call the function with. Each noun does its own.
//!
//! An event is in the outbox before it is in the queue, so it is sent if and only if the change is made of which it tells. All work
//! can be done twice, as a message may come twice.

use terrace_sdk::queue::{self, Event};
use terrace_sdk::sql::{Connection, Statement};
use terrace_sdk::{Error, Request, Response};

use crate::failure::Failure;
use crate::{database, digests, instance, notifications, reply, tags};

/// The queue that this function consumes.
const QUEUE: &str = "conduit";

/// Where all events happen.
const SOURCE: &str = "/conduit";

/// What happened, as the types of events.
pub(crate) const PUBLISHED: &str = "article.published";
pub(crate) const TAGGED: &str = "article.tagged";
pub(crate) const DIGESTED: &str = "digest.continued";

/// The schedule that has digests made.
const DIGEST: &str = "digest";

/// The statement that sends an event with the transaction that it is in.
pub(crate) fn send(id: &str, kind: &str, subject: &str, data: &str) -> Result<Statement, Error> {
    let mut event = Event::new(id, SOURCE, kind).data("text/plain", data.to_owned());
    event.subject = Some(subject.to_owned());
    Ok(queue::outbox(QUEUE, event)?)
}

/// Does the work that a delivery asks for. It comes again unless this succeeds.
pub(crate) async fn deliver(request: Request) -> Result<Response, Failure> {
    let event = Event::read(request).await.map_err(Error::from)?;
    let database = Connection::open(database::LABEL).await?;
    instance::prepared(&database).await?;
    match (event.schedule(), &*event.kind) {
        (Some(DIGEST), _) => digests::begin(&database, &event).await?,
        (None, DIGESTED) => digests::go_on(&database, &event).await?,
        (None, PUBLISHED) => notifications::notify(&database, &event).await?,
        (None, TAGGED) => tags::recount(&database, &event).await?,
        (_, kind) => return Err(Error::message(format!("nothing is done for {kind:?}")).into()),
    }
    Ok(reply::no_content())
}

/// The number that is the text of an event; 0 if there is none.
pub(crate) fn number(text: &[u8]) -> Result<i64, Error> {
    let text = std::str::from_utf8(text)?;
    if text.is_empty() {
        return Ok(0);
    }
    Ok(text.parse()?)
}
