//! The request for which a guest uses its capabilities: it gives the deadline and gets reports of engines that fail.
//! Each capability converts the errors for its guest.

use std::sync::Arc;
use std::time::Instant;

use storage::{EngineFailure, sql};

use crate::clock;
use crate::request::RequestContext;

/// The request for which a guest uses its capabilities.
#[derive(Clone)]
pub(super) struct CurrentRequest {
    /// The latest deadline of the instance's current requests. Absent between requests.
    pub(super) deadline: Option<Instant>,
    /// Absent between requests.
    context: Option<Arc<RequestContext>>,
    /// For whom statements are counted. Absent between requests, and without databases.
    pub(super) queries: Option<Arc<sql::Request>>,
}

impl CurrentRequest {
    pub(super) fn new(
        deadline: Instant,
        context: Arc<RequestContext>,
        queries: Option<Arc<sql::Request>>,
    ) -> Self {
        Self {
            deadline: Some(deadline),
            context: Some(context),
            queries,
        }
    }

    /// No request: every call is past its deadline.
    pub(super) fn none() -> Self {
        Self {
            deadline: None,
            context: None,
            queries: None,
        }
    }

    /// The deadline of calls to engines.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline.unwrap_or_else(clock::now)
    }

    /// Notes that the guest stores this elsewhere.
    pub(super) fn hand_on(&self, value: &[u8]) {
        if let Some(queries) = &self.queries {
            queries.hand_on(value.len() as u64);
        }
    }

    /// Awaits a call to an engine. Reports it to the request if the engine fails or does not answer before the deadline,
    /// because the guest may hide an error from the client.
    pub(super) async fn observe<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        failure: impl FnOnce(&E) -> Option<&EngineFailure>,
    ) -> Result<T, E> {
        let unanswered = Unanswered::begin(self);
        let result = call.await;
        unanswered.end();
        if let Err(error) = &result {
            self.report(failure(error));
        }
        result
    }

    fn report(&self, failure: Option<&EngineFailure>) {
        if let (Some(context), Some(failure)) = (&self.context, failure) {
            context.set_storage_failure(failure);
        }
    }
}

/// A call that the engine has not answered. If it is dropped after the deadline, the engine was too slow.
struct Unanswered<'r>(Option<&'r CurrentRequest>);

impl<'r> Unanswered<'r> {
    fn begin(request: &'r CurrentRequest) -> Self {
        if let Some(context) = &request.context {
            context.begin_storage_call();
        }
        Self(Some(request))
    }

    fn end(mut self) {
        self.finish();
    }

    fn finish(&mut self) -> Option<&'r CurrentRequest> {
        let request = self.0.take()?;
        if let Some(context) = &request.context {
            context.end_storage_call();
        }
        Some(request)
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.finish()
            && clock::now() >= request.deadline()
        {
            request.report(Some(&EngineFailure::DeadlineExceeded));
        }
    }
}
