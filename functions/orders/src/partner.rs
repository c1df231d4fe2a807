//! The partner, who charges and ships: another company's server, which may fail, or do what it was asked and fail to say so.
//!
//! Each request says in `Idempotency-Key` which order it is about. So it can be repeated until there is an answer.

use serde_json::json;
use terrace_sdk::http::StatusCode;
use terrace_sdk::{Body, Error, Request, outbound, variables};

/// What the partner made of a request.
pub(crate) enum Outcome {
    Done,
    /// It will not do it, however often it is asked.
    Refused,
}

/// Asks for something: `charges`, `shipments` or `refunds`.
///
/// # Errors
///
/// If nobody knows whether it was done. It is to be asked for again.
pub(crate) async fn ask(what: &str, order: &str, quantity: i64) -> Result<Outcome, Error> {
    let partner = variables::get("partner").await?;
    let content = json!({ "order": order, "quantity": quantity }).to_string();
    let request = Request::post(format!("{partner}/{what}"))
        .header("content-type", "application/json")
        .header("idempotency-key", order)
        .body(Body::from(content))?;
    let status = outbound::send(request).await?.status();
    if status.is_success() {
        return Ok(Outcome::Done);
    }
    let asks_for_patience = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if status.is_client_error() && !asks_for_patience.contains(&status) {
        return Ok(Outcome::Refused);
    }
    Err(Error::message(format!(
        "{what} of {order}: the partner answered {status}"
    )))
}
