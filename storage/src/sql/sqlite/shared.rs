//! The state that all connections of a database share.

use std::sync::Arc;

use super::interrupt::Closing;
use crate::sql::statistics::Statistics;

/// The statistics and the closing flag of a database.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) statistics: Arc<Statistics>,
    pub(super) closing: Arc<Closing>,
}
