//! Cloudflare's cron triggers: calls the handler by the clock, and relays the outboxes of databases.

use worker::Env;
use worker::js_sys::Date;
use worker::wasm_bindgen::JsValue;
use worker::worker_sys::ScheduledEvent;

use crate::manifest::wrangler::{OUTBOX, SCHEDULE, schedule};
use crate::queue::{self, Event};
use crate::sql::{Connection, Row};
use crate::{Error, Handler, Response, log, variables};

/// The most events that are taken from an outbox at once.
const PAGE: u32 = 100;

/// The most pages of one run: a Worker has a limit of requests. The next run takes the rest.
const PAGES: u32 = 8;

/// Relays the outboxes that the variable `OUTBOX` names, and calls the handler for each schedule that has this trigger's line of cron.
///
/// # Errors
///
/// Whatever failed, so that Cloudflare shows the run as failed. It does not repeat it.
pub async fn fire<A>(
    event: ScheduledEvent,
    env: Env,
    handler: impl Handler<A> + Copy,
) -> Result<(), JsValue> {
    super::keep_env(env);
    let time = Date::new(&event.scheduled_time()?.into()).to_iso_string();
    let fired = run(&event.cron()?, &String::from(time), handler).await;
    fired.map_err(|error| {
        log::error(&error);
        error.to_string().into()
    })
}

async fn run<A>(cron: &str, time: &str, handler: impl Handler<A> + Copy) -> Result<(), Error> {
    let outboxes = variables::get(OUTBOX).await.unwrap_or_default();
    let names = super::labels(SCHEDULE, cron);
    if outboxes.is_empty() && names.is_empty() {
        let what = format!(
            "no schedule has the cron trigger {cron:?}; {}",
            schedule(cron)
        );
        return Err(Error::message(what));
    }
    // An outbox that fails is in the way of no other, and of no schedule.
    let mut failure = None;
    for label in outboxes.split_whitespace() {
        failure = relay(label).await.err().or(failure);
    }
    for name in names {
        failure = call(&name, time, handler).await.err().or(failure);
    }
    failure.map_or(Ok(()), Err)
}

/// Calls the handler for a schedule.
async fn call<A>(name: &str, time: &str, handler: impl Handler<A>) -> Result<(), Error> {
    let request = Event::of_schedule(name, time).into_request("schedules")?;
    let response: Response = handler.answer(|| Ok::<_, Error>(request)).await?;
    if response.status().is_success() {
        return Ok(());
    }
    let status = response.status();
    Err(Error::message(format!(
        "schedule {name} failed: the handler answered {status}"
    )))
}

/// Sends the events in the outbox of a database. One that its queue does not take stays, and is in the way of no other.
async fn relay(label: &str) -> Result<(), Error> {
    const READ: &str = "SELECT number, queue, id, source, type, subject, time, datacontenttype, data, outbox.* \
         FROM outbox WHERE number > ?1 ORDER BY number LIMIT ?2";
    let database = Connection::open(label).await?;
    let mut last: i64 = 0;
    let mut failure = None;
    for _ in 0..PAGES {
        let rows = database.execute(READ, [last.into(), PAGE.into()]).await?;
        // A table need not have this column.
        let trace = rows.columns().iter().position(|name| name == "traceparent");
        for row in rows.iter() {
            last = row.get(0)?;
            let trace = trace.map_or(Ok(None), |column| row.get(column))?;
            if let Err(error) = send(row, trace).await {
                failure = Some(error);
                continue;
            }
            // SQLite gives the number of a row that is gone to another one.
            let delete = "DELETE FROM outbox WHERE number = ?1 AND id = ?2";
            let id: String = row.get(2)?;
            database.execute(delete, [last.into(), id.into()]).await?;
        }
        if rows.len() < PAGE as usize {
            break;
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn send(row: &Row, trace: Option<String>) -> Result<(), Error> {
    let data: Option<&[u8]> = row.get(8)?;
    let event = Event {
        subject: row.get(5)?,
        time: row.get(6)?,
        content_type: row.get(7)?,
        trace,
        data: data.unwrap_or_default().to_vec().into(),
        ..Event::new(
            row.get::<String>(2)?,
            row.get::<String>(3)?,
            row.get::<String>(4)?,
        )
    };
    Ok(queue::send(row.get(1)?, event).await?)
}
