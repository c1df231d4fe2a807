//! Handlers: async functions, with the request or without an argument.

use std::future::Future;

use crate::{IntoResponse, Request, Response};

/// A handler. `Argument` is its argument: `(Request,)`, or `()`, for which the request is not copied from the host into the
/// function.
///
/// Async functions implement this trait; do not implement it yourself.
pub trait Handler<Argument> {
    /// Answers one request. Calls `request` only if the handler takes it.
    ///
    /// # Errors
    ///
    /// The error of `request`.
    fn answer<E>(
        self,
        request: impl FnOnce() -> Result<Request, E>,
    ) -> impl Future<Output = Result<Response, E>>;
}

impl<H, F> Handler<()> for H
where
    H: FnOnce() -> F,
    F: Future<Output: IntoResponse>,
{
    async fn answer<E>(self, _request: impl FnOnce() -> Result<Request, E>) -> Result<Response, E> {
        Ok(self().await.into_response())
    }
}

impl<H, F> Handler<(Request,)> for H
where
    H: FnOnce(Request) -> F,
    F: Future<Output: IntoResponse>,
{
    async fn answer<E>(self, request: impl FnOnce() -> Result<Request, E>) -> Result<Response, E> {
        Ok(self(request()?).await.into_response())
    }
}
