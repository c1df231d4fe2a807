//! Tests of the promises that only SQLite makes: refusals, file and disk errors, crashes, groups of writes, and the
//! threads of reads.

mod authorizer;
mod closing;
mod crash;
mod faults;
mod groups;
mod reads;
mod statements;
mod two_processes;

use crate::sql::tests::harness::{Engine, Fixture};

async fn fixture() -> Fixture {
    Engine::Sqlite.fixture().await
}

async fn with_items() -> Fixture {
    Engine::Sqlite.with_items().await
}
