//! Relays the outboxes of the current app to its queues, checks them before it is served, and fires its schedules. How is left to
//! `queues`.

use std::convert::Infallible;
use std::sync::Arc;

use futures::future::{join, join_all};
use tokio::time::sleep;

use super::current_app::Current;
use super::{StartError, failed};
use crate::block_on::block_on;
use crate::clock;
use crate::queues::limits::{ENGINE_TIMEOUT, POLL_INTERVAL};
use crate::queues::{Outbox, fire};
use crate::request::WorkerId;
use crate::state::State;

/// The migration that makes an outbox.
const ADVICE: &str = "make the table with a migration, as docs/queues.md shows it";

/// Checks that the databases with an outbox have its table.
pub(super) fn check(labels: &[String], state: &State) -> Result<(), StartError> {
    let checking = async {
        for label in labels {
            let Some(database) = state.database(label) else {
                continue;
            };
            let checked = Outbox::check(&database, clock::now() + ENGINE_TIMEOUT).await;
            checked.map_err(|error| {
                failed(format!(
                    "the database `{label}` has no outbox: {error}; {ADVICE}"
                ))
            })?;
        }
        Ok(())
    };
    block_on(checking).map_err(failed)?
}

/// Relays the outboxes and fires the schedules of one app after the other, for as long as it is polled.
pub(super) async fn relay(current: &Current) -> Infallible {
    loop {
        let deployment = current.of(WorkerId(0));
        let queues = deployment.queues();
        let relays = queues.outboxes.iter().map(|outbox| outbox.relay(queues));
        let replaced = async {
            while Arc::ptr_eq(&current.of(WorkerId(0)), &deployment) {
                sleep(POLL_INTERVAL).await;
            }
        };
        tokio::select! {
            () = replaced => {}
            _ = join(join_all(relays), fire(queues)) => {}
        }
    }
}
