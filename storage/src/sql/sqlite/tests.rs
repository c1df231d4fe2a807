//! Tests of promises that are SQLite's only: what is refused, files and disks, crashes, where a read runs.

mod authorizer;
mod closing;
mod crash;
mod faults;
mod reads;
mod two_processes;

use crate::sql::tests::harness::{Engine, Fixture};

async fn fixture() -> Fixture {
    Engine::Sqlite.fixture().await
}

async fn with_items() -> Fixture {
    Engine::Sqlite.with_items().await
}
