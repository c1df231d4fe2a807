//! On whose behalf a guest uses its capabilities: until when, and where failures of engines are reported.
//! What the guest is told is left to each capability.

use std::sync::Arc;
use std::time::Instant;

use storage::EngineFailure;

use crate::clock;
use crate::request::RequestContext;

/// On whose behalf a guest uses its capabilities.
#[derive(Clone)]
pub(super) struct CurrentRequest {
    /// When the requests that the instance works on must all have ended.
    pub(super) deadline: Instant,
    /// Absent between requests.
    context: Option<Arc<RequestContext>>,
}

impl CurrentRequest {
    pub(super) fn new(deadline: Instant, context: Arc<RequestContext>) -> Self {
        Self {
            deadline,
            context: Some(context),
        }
    }

    /// Between requests: whatever the guest asks for is too late.
    pub(super) fn none() -> Self {
        Self {
            deadline: clock::now(),
            context: None,
        }
    }

    /// Awaits a call of an engine. If the engine fails, or has not answered when the request ends at its deadline, that
    /// is reported: the guest may make of it whatever it likes, or learns nothing of it.
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
            context.set_storage_failure(failure.name());
        }
    }
}

/// A call that the engine has not answered. Dropped after the deadline, the engine was too slow for the request.
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
            && clock::now() >= request.deadline
        {
            request.report(Some(&EngineFailure::DeadlineExceeded));
        }
    }
}
