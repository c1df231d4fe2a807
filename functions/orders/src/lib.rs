//! Orders: each is reserved, charged and shipped, or else all of that is undone.
//!
//! `desk` answers clients. `saga` does one step for each message, and `partner` asks the server of a partner, which may fail or be slow.

mod desk;
mod partner;
mod saga;
#[cfg(test)]
mod tests;

use terrace_sdk::{IntoResponse, Request, Response, queue};

/// The label of the database.
const DATABASE: &str = "default";

/// Answers one request to `/orders/...`, or does one step of an order.
pub async fn handle(request: Request) -> Response {
    match queue::name_of(&request) {
        Some(_) => saga::step(request).await.into_response(),
        None => desk::answer(request).await.into_response(),
    }
}

terrace_sdk::export!(handle);
