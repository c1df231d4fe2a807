//! What all connections of a database have in common.

use std::sync::Arc;

use super::interrupt::Closing;
use crate::sql::statistics::Statistics;

/// What all connections of a database have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) statistics: Arc<Statistics>,
    pub(super) closing: Arc<Closing>,
}
