//! What may answer requests: an async function, of the request or of nothing.

use std::future::Future;

use crate::{IntoResponse, Request, Response};

/// A handler. `Argument` is what it takes: `(Request,)`, or `()`, and then nothing of the request is copied from the
/// host into the function.
///
/// Async functions are handlers; there is no need to implement it.
pub trait Handler<Argument> {
    /// Answers one request, which `request` reads if it is wanted.
    ///
    /// # Errors
    ///
    /// That of reading the request.
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
