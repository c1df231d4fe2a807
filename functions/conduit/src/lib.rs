//! The RealWorld API ("Conduit"): a blogging service with users, articles, comments, favourites and follows.
//!
//! A request passes the modules in the order below: [`cors`] answers browsers' questions, `routes` finds
//! the endpoint, `call` the user, and one module per noun does the work. What no client waits for comes to `messages` later. How the API looks from
//! outside is fixed by RealWorld's OpenAPI document; where its editions differ the newest is followed.

pub mod cors;
mod routes;

mod body;
mod caching;
mod call;
mod failure;
mod instance;
mod limits;
mod messages;
mod paging;
mod reply;
mod validation;

mod articles;
mod comments;
mod digests;
mod favorites;
mod notifications;
mod profiles;
mod tags;
mod users;

mod auth;
mod clock;
pub mod database;
pub mod passwords;
mod slug;

#[cfg(test)]
mod tests;

use terrace_sdk::http::Method;
use terrace_sdk::{IntoResponse, Request, Response, queue};

/// Answers one request to `/api/...`, or does the work of one delivery of a queue.
pub async fn handle(request: Request) -> Response {
    if queue::name_of(&request).is_some() {
        return messages::deliver(request).await.into_response();
    }
    if request.method() == Method::OPTIONS {
        return cors::preflight(&request);
    }
    let mut response = routes::answer(request).await.into_response();
    caching::finish(&mut response);
    cors::allow(&mut response);
    response
}

terrace_sdk::export!(handle);
