//! The answer to a request: what the cache returns to its caller.

use http::Response;

use super::body::CacheBody;
use super::second_level::Told;
use super::tasks::Tasks;
use crate::rules::cache_status::CacheStatus;

/// A response, its `Cache-Status`, and the work that it leaves.
pub(super) struct Answer<B> {
    pub(super) response: Response<CacheBody<B>>,
    pub(super) status: CacheStatus,
    pub(super) tasks: Tasks<B>,
    /// What the shared level said about what the request invalidated.
    pub(super) told: Option<Told>,
}

impl<B> Answer<B> {
    pub(super) fn told(self, told: Option<Told>) -> Self {
        Self { told, ..self }
    }
}
