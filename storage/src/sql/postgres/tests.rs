//! Tests of the promises that only Postgres makes: opening, other nodes, broken networks and
//! connections, the bounds of the pool.

mod lock_waits;
mod network;
mod nodes;
mod old_server;
mod opening;
mod other_hands;
mod outages;
mod pool;
mod pooler;
mod replicas;
mod tls;
mod turns;
