//! A connection for long work of the host's own, apart from the pool. It keeps its session, so it must lead to a server and not
//! to a pooler that gives each transaction another one.

use std::fmt;

use tokio_postgres::Client;

use super::address::Address;
use super::catalog::Catalog;
use super::failures;
use super::functions::LOCK;
use super::open;
use super::tls::Connector;
use crate::clock;
use crate::sql::open::{OpenError, PostgresOptions};

pub(in crate::sql) use super::connection::texts;
pub(in crate::sql) use super::values::{Bound, Received};

/// The name of such a connection at the server. It does not translate, so it is no node.
const NAME: &str = "terrace-move";

/// The lock of whoever changes a schema.
pub(in crate::sql) const SCHEMA_LOCK: &str = LOCK;

/// A connection that the calling runtime drives.
pub(in crate::sql) struct Dedicated {
    pub(in crate::sql) client: Client,
    /// The URL without user, password and parameters.
    pub(in crate::sql) shown: String,
}

impl fmt::Debug for Dedicated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

/// Reaches the server and judges it.
///
/// # Errors
///
/// See [`OpenError`].
pub(in crate::sql) async fn connect(
    url: &str,
    options: &PostgresOptions,
) -> Result<Dedicated, OpenError> {
    let address = Address::read(url, options, NAME)?;
    let connector = Connector::new(&address)?;
    let deadline = clock::now() + options.open_timeout;
    // The connection that was judged ends here. Its options are those of the engine's connections.
    let (config, _) = open::judged(&address, &connector, deadline).await?;
    let connected = config.connect(connector).await;
    let (client, driving) = connected.map_err(|error| open::unconnected(&error, &address))?;
    tokio::spawn(async move {
        // How it ended, the statements on it show.
        let _ = driving.await;
    });
    let shown = address.shown;
    Ok(Dedicated { client, shown })
}

/// Makes what the engine keeps in a database, if it is missing.
///
/// # Errors
///
/// See [`OpenError`].
pub(in crate::sql) async fn make(url: &str, options: &PostgresOptions) -> Result<(), OpenError> {
    let address = Address::read(url, options, NAME)?;
    let connector = Connector::new(&address)?;
    let deadline = clock::now() + options.open_timeout;
    let catalog = Catalog::default();
    let made = open::make(&address, &connector, &catalog, deadline).await;
    made.map(drop)
}

/// An error with its causes in one line.
pub(in crate::sql) fn words(error: &tokio_postgres::Error) -> String {
    failures::words(error)
}
