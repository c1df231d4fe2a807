//! The database and its migrations.
//!
//! Migrations are numbered files, so that the tools of D1 can apply the same ones. They only go forward.

use terrace_sdk::sql::{Connection, Error};

/// The label in `spin.toml`.
pub const LABEL: &str = "default";

/// All migrations in order; the first is version 1.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/0001_conduit.sql"),
    include_str!("../migrations/0002_warnings.sql"),
    include_str!("../migrations/0003_spread_keys.sql"),
    include_str!("../migrations/0004_notifications.sql"),
];

/// Applies the migrations that the database lacks; only reads if there are none.
///
/// # Errors
///
/// If a migration fails, with none of the missing ones applied; on Cloudflare, if one is missing.
pub async fn migrate(connection: &Connection) -> Result<(), Error> {
    connection.migrate(&MIGRATIONS).await
}
