//! Tests of the promises that only Postgres makes: opening, other nodes, broken connections, the bounds of the pool.

mod nodes;
mod opening;
mod outages;
mod pool;
