//! Clients place orders and see how far they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use terrace_sdk::http::{Method, StatusCode};
use terrace_sdk::sql::{Connection, Rows, Statement};
use terrace_sdk::{Body, Error, Request, Response, queue, values};

use crate::DATABASE;
use crate::saga::{self, PLACED};

/// The longest content of a request, in bytes.
const MAX_CONTENT_BYTES: usize = 4_096;

/// An order that is placed twice is one order.
const INSERT: &str = "
    INSERT INTO orders (id, item, quantity, status) VALUES (?1, ?2, ?3, 'placed') ON CONFLICT DO NOTHING";

const COUNTS: &str = "SELECT status, count(*) FROM orders GROUP BY status";

const LEFT: &str = "
    SELECT item, amount - (SELECT coalesce(sum(quantity), 0) FROM reservations WHERE reservations.item = stock.item)
    FROM stock";

/// An order, as a client places it.
#[derive(Deserialize)]
struct Order {
    id: String,
    item: String,
    quantity: u32,
}

/// How far all orders are, and what of each item is left.
#[derive(Serialize)]
struct Overview {
    orders: BTreeMap<String, i64>,
    left: BTreeMap<String, i64>,
}

pub(crate) async fn answer(request: Request) -> Result<Response, Error> {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let id = path.strip_prefix("/orders").unwrap_or_default();
    match (request.method(), id.strip_prefix('/')) {
        (&Method::POST, None) => place(request).await,
        (&Method::GET, None) => overview().await,
        (&Method::GET, Some(id)) => show(id).await,
        _ => Ok(with_status(
            StatusCode::NOT_FOUND,
            "there is no such path\n",
        )),
    }
}

/// Keeps the order, and with it the event that begins its first step.
async fn place(request: Request) -> Result<Response, Error> {
    let trace = queue::trace_of(&request);
    let content = request.into_body().read(MAX_CONTENT_BYTES).await?;
    let order: Order = match serde_json::from_slice(&content) {
        Ok(order) => order,
        Err(error) => return Ok(with_status(StatusCode::BAD_REQUEST, format!("{error}\n"))),
    };
    if order.id.is_empty() || order.quantity == 0 {
        return Ok(with_status(
            StatusCode::BAD_REQUEST,
            "an order has an id and a quantity\n",
        ));
    }
    let insert = Statement::new(INSERT)
        .bind(&order.id)
        .bind(&order.item)
        .bind(order.quantity);
    let send = saga::send(&order.id, PLACED, trace)?;
    Connection::open(DATABASE)
        .await?
        .batch(&[insert, send])
        .await?;
    Ok(with_status(StatusCode::ACCEPTED, "placed\n"))
}

async fn show(id: &str) -> Result<Response, Error> {
    let database = Connection::open(DATABASE).await?;
    let read = "SELECT status FROM orders WHERE id = ?1";
    let rows = database.execute(read, values![id]).await?;
    match rows.first() {
        Some(row) => Ok(with_status(StatusCode::OK, row.get::<String>(0)?)),
        None => Ok(with_status(
            StatusCode::NOT_FOUND,
            "there is no such order\n",
        )),
    }
}

async fn overview() -> Result<Response, Error> {
    let database = Connection::open(DATABASE).await?;
    let overview = Overview {
        orders: pairs(&database.execute(COUNTS, []).await?)?,
        left: pairs(&database.execute(LEFT, []).await?)?,
    };
    Ok(with_status(
        StatusCode::OK,
        serde_json::to_string(&overview)?,
    ))
}

fn pairs(rows: &Rows) -> Result<BTreeMap<String, i64>, Error> {
    let pairs = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
    pairs.collect()
}

fn with_status(status: StatusCode, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    *response.status_mut() = status;
    response
}
