//! The steps of an order. Each message asks for one. A step ends with a transaction that keeps how far the order is and sends the event
//! for the next step, so that both happen or none. A step that fails comes again; one that comes twice finds the order further.
//!
//! `placed` → reserve → `reserved` → charge → `charged` → ship → `shipped`. If the partner refuses one of them, the order is `failing`:
//! what was charged is refunded, what was reserved is released, and it is `cancelled`.

use terrace_sdk::http::StatusCode;
use terrace_sdk::queue::{self, Event};
use terrace_sdk::sql::{Connection, Statement};
use terrace_sdk::{Body, Error, Request, Response, values};

use crate::DATABASE;
use crate::partner::{self, Outcome};

/// The queue of the steps.
const QUEUE: &str = "orders";

/// What has happened, as the types of events.
pub(crate) const PLACED: &str = "order.placed";
const RESERVED: &str = "order.reserved";
const CHARGED: &str = "order.charged";
const FAILED: &str = "order.failed";

const FIND: &str = "SELECT status, quantity FROM orders WHERE id = ?1";

/// Reserves what is left, if that is enough.
const RESERVE: &str = "
    INSERT INTO reservations (order_id, item, quantity)
    SELECT orders.id, orders.item, orders.quantity FROM orders JOIN stock ON stock.item = orders.item
    WHERE orders.id = ?1 AND orders.quantity <= stock.amount
        - (SELECT coalesce(sum(quantity), 0) FROM reservations WHERE reservations.item = stock.item)
    ON CONFLICT DO NOTHING";

/// Behind [`RESERVE`].
const RESERVED_OR_NOT: &str = "
    UPDATE orders SET status = CASE WHEN EXISTS (SELECT 1 FROM reservations WHERE order_id = ?1) THEN 'reserved' ELSE 'refused' END
    WHERE id = ?1 AND status = 'placed'";

const RELEASE: &str = "DELETE FROM reservations WHERE order_id = ?1";

const ADVANCE: &str = "UPDATE orders SET status = ?3 WHERE id = ?1 AND status = ?2";

/// An order, and the trace of the step that is done.
struct Order {
    database: Connection,
    id: String,
    quantity: i64,
    trace: Option<String>,
}

/// The statement that sends an event of an order with the transaction that it is in.
pub(crate) fn send(order: &str, kind: &str, trace: Option<String>) -> Result<Statement, Error> {
    let event = Event {
        subject: Some(order.to_owned()),
        trace,
        ..Event::new(format!("{order} {kind}"), "/orders", kind)
    };
    Ok(queue::outbox(QUEUE, event)?)
}

/// Does the step that a message asks for.
pub(crate) async fn step(request: Request) -> Result<Response, Error> {
    let event = Event::read(request).await?;
    let database = Connection::open(DATABASE).await?;
    let id = event.subject.unwrap_or_default();
    let rows = database.execute(FIND, values![&id]).await?;
    let row = rows.one()?;
    let (status, quantity): (String, i64) = (row.get(0)?, row.get(1)?);
    let trace = event.trace;
    let order = Order {
        database,
        id,
        quantity,
        trace,
    };
    match (&*event.kind, &*status) {
        (PLACED, "placed") => order.reserve().await?,
        (RESERVED, "reserved") => order.charge().await?,
        (CHARGED, "charged") => order.ship().await?,
        (FAILED, "failing") => order.undo().await?,
        // It was done before, or the stock is out.
        _ => {}
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

impl Order {
    async fn reserve(self) -> Result<(), Error> {
        let reserve = [RESERVE, RESERVED_OR_NOT].map(|text| Statement::new(text).bind(&self.id));
        let [reserve, keep] = reserve;
        let send = send(&self.id, RESERVED, self.trace)?;
        self.database.batch(&[reserve, keep, send]).await?;
        Ok(())
    }

    async fn charge(self) -> Result<(), Error> {
        match partner::ask("charges", &self.id, self.quantity).await? {
            Outcome::Done => self.advance("reserved", "charged", CHARGED).await,
            Outcome::Refused => self.advance("reserved", "failing", FAILED).await,
        }
    }

    async fn ship(self) -> Result<(), Error> {
        match partner::ask("shipments", &self.id, self.quantity).await? {
            Outcome::Done => {
                let values = values![&self.id, "charged", "shipped"];
                self.database.execute(ADVANCE, values).await?;
                Ok(())
            }
            Outcome::Refused => self.advance("charged", "failing", FAILED).await,
        }
    }

    /// A charge that was refused has nothing to refund, which the partner knows. It never refuses a refund for good.
    async fn undo(self) -> Result<(), Error> {
        if let Outcome::Refused = partner::ask("refunds", &self.id, self.quantity).await? {
            return Err(Error::message(format!(
                "the refund of {} was refused",
                self.id
            )));
        }
        let release = Statement::new(RELEASE).bind(&self.id);
        let keep = Statement::new(ADVANCE)
            .bind(&self.id)
            .bind("failing")
            .bind("cancelled");
        self.database.batch(&[release, keep]).await?;
        Ok(())
    }

    /// Keeps how far the order is, and sends the event for the next step.
    async fn advance(self, from: &str, to: &str, kind: &str) -> Result<(), Error> {
        let keep = Statement::new(ADVANCE).bind(&self.id).bind(from).bind(to);
        let send = send(&self.id, kind, self.trace)?;
        self.database.batch(&[keep, send]).await?;
        Ok(())
    }
}
