//! Opens a database: the server is reached and judged, and the schema `terrace` made, before anything is served.

use std::time::Instant;

use tokio::time::timeout_at;
use tokio_postgres::Config;

use super::address::{Address, DIRECT};
use super::catalog::Catalog;
use super::connection::Connection;
use super::failures::{self, Failed};
use super::functions::{OF_GUESTS, Objects};
use super::job::Stop;
use super::pool;
use super::tls::Connector;
use crate::sql::limits::MIN_SERVER_VERSION;
use crate::sql::open::OpenError;

/// How the server is reached from now on.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) config: Config,
    /// Whether no pooler is in between.
    pub(super) is_direct: bool,
}

/// Reaches the server, and makes and reads what the engine keeps there.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn open(
    address: &Address,
    connector: &Connector,
    catalog: &Catalog,
    deadline: Instant,
) -> Result<Opened, OpenError> {
    let (opened, mut connection) = make(address, connector, catalog, deadline).await?;
    refuse_moved(address, &mut connection, &mut Stop::at(deadline)).await?;
    // This connection ends here. What is known is asked for again on the first of the pool.
    catalog.doubt();
    Ok(opened)
}

/// Reaches the server and judges it.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn judged(
    address: &Address,
    connector: &Connector,
    deadline: Instant,
) -> Result<(Config, Connection), OpenError> {
    let (config, mut connection) = reached(address, connector, deadline).await?;
    judge(address, &mut connection, &mut Stop::at(deadline)).await?;
    Ok((config, connection))
}

/// Reaches the server.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn reached(
    address: &Address,
    connector: &Connector,
    deadline: Instant,
) -> Result<(Config, Connection), OpenError> {
    let connecting = reach(address, connector);
    match timeout_at(deadline.into(), connecting).await {
        Ok(Ok(reached)) => Ok(reached),
        Ok(Err(error)) => Err(unconnected(&error, address)),
        Err(_) => Err(OpenError::Server {
            server: address.shown.clone(),
            message: "it does not answer in time".to_owned(),
        }),
    }
}

/// Reaches the server, and makes what the engine keeps there if it is missing.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn make(
    address: &Address,
    connector: &Connector,
    catalog: &Catalog,
    deadline: Instant,
) -> Result<(Opened, Connection), OpenError> {
    let failed = |message: String| OpenError::Server {
        server: address.shown.clone(),
        message,
    };
    let (config, mut connection) = judged(address, connector, deadline).await?;
    let mut stop = Stop::at(deadline);
    let made = OF_GUESTS.make(&mut connection, &mut stop).await;
    made.map_err(|error| unmade(&error, address))?;
    let session = format!("SELECT current_schema(), current_setting('{DIRECT}', true)");
    let session = connection.texts(&session, &mut stop).await;
    let session = session.map_err(|error| failed(error.error().to_string()))?;
    let [schema, direct]: [String; 2] = session
        .into_iter()
        .next()
        .and_then(|row| row.try_into().ok())
        .unwrap_or_default();
    if ["", "terrace"].contains(&schema.as_str()) {
        let advice = "tables have no schema of their own: set the user's search_path to `public`";
        return Err(failed(advice.to_owned()));
    }
    let verified = catalog.verify(&mut connection, &mut stop).await;
    verified.map_err(|error| failed(error.to_string()))?;
    let opened = Opened {
        config,
        is_direct: direct == "on",
    };
    Ok((opened, connection))
}

/// Reaches the server, and makes what is missing of `objects`, for statements of the host's own.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn open_host(
    address: &Address,
    connector: &Connector,
    objects: &Objects,
    deadline: Instant,
) -> Result<Opened, OpenError> {
    let (config, mut connection) = judged(address, connector, deadline).await?;
    let mut stop = Stop::at(deadline);
    let made = objects.make(&mut connection, &mut stop).await;
    made.map_err(|error| unmade(&error, address))?;
    let failed = |message: String| OpenError::Server {
        server: address.shown.clone(),
        message,
    };
    let session = format!(
        "SELECT current_setting('{DIRECT}', true), current_setting('default_transaction_isolation')"
    );
    let session = connection.texts(&session, &mut stop).await;
    let session = session.map_err(|error| failed(error.error().to_string()))?;
    let [direct, isolation]: [String; 2] = session
        .into_iter()
        .next()
        .and_then(|row| row.try_into().ok())
        .unwrap_or_default();
    if isolation != "read committed" {
        let advice = "set the user's default_transaction_isolation to `read committed`";
        return Err(failed(format!(
            "its transactions are {isolation}: {advice}"
        )));
    }
    let is_direct = direct == "on";
    Ok(Opened { config, is_direct })
}

/// Refuses a database whose data is elsewhere now.
async fn refuse_moved(
    address: &Address,
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<(), OpenError> {
    let server = |error: Failed| OpenError::Server {
        server: address.shown.clone(),
        message: error.error().to_string(),
    };
    let exists = "SELECT to_regclass('terrace.moved') IS NOT NULL";
    if connection.texts(exists, stop).await.map_err(server)? != [["t"]] {
        return Ok(());
    }
    let moved = connection.texts("SELECT url FROM terrace.moved", stop);
    match moved.await.map_err(server)?.concat().pop() {
        Some(to) => Err(OpenError::Moved {
            place: address.shown.clone(),
            to,
        }),
        None => Ok(()),
    }
}

/// Connects with the options that show whether there is a pooler, or without them: some poolers refuse options.
async fn reach(
    address: &Address,
    connector: &Connector,
) -> Result<(Config, Connection), tokio_postgres::Error> {
    let direct = address.direct();
    match pool::connect(&direct, connector, false, false).await {
        Ok(connection) => Ok((direct, connection)),
        Err(error) if may_be_the_options(&error) => {
            let config = address.config.clone();
            let connection = pool::connect(&config, connector, false, false).await?;
            Ok((config, connection))
        }
        Err(error) => Err(error),
    }
}

/// Whether a server, or a pooler, refused a connection for another reason than its user, its database or its own state.
fn may_be_the_options(error: &tokio_postgres::Error) -> bool {
    let class = error.code().and_then(|code| code.code().get(..2));
    class.is_some_and(|class| !["28", "3D", "53", "57"].contains(&class))
}

pub(super) fn unconnected(error: &tokio_postgres::Error, address: &Address) -> OpenError {
    let server = address.shown.clone();
    let message = failures::words(error);
    let code = error.code().map(|code| code.code().to_owned());
    match code.as_deref().and_then(|code| code.get(..2)) {
        Some("28") => OpenError::Denied { server, message },
        Some("3D") => OpenError::NoSuchDatabase { server },
        Some(_) => OpenError::Server { server, message },
        None if message.contains("TLS handshake") => OpenError::Certificate {
            server,
            message,
            parameters: "`sslrootcert` or `sslmode`",
        },
        None if message.contains("password missing") || message.contains("authentication") => {
            OpenError::Denied { server, message }
        }
        None => OpenError::Unreachable { server, message },
    }
}

fn unmade(error: &Failed, address: &Address) -> OpenError {
    let server = address.shown.clone();
    let message = error.error().to_string();
    match error.code() {
        "42501" => OpenError::Rights { server, message },
        _ => OpenError::Server { server, message },
    }
}

/// Refuses servers that are too old, or that take no writes.
async fn judge(
    address: &Address,
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<(), OpenError> {
    let server = || address.shown.clone();
    let query = "SELECT current_setting('server_version_num'), current_setting('server_version'), \
         current_setting('transaction_read_only'), pg_is_in_recovery(), current_setting('server_encoding')";
    let rows = connection.texts(query, stop).await;
    let rows = rows.map_err(|error| OpenError::Server {
        server: server(),
        message: error.error().to_string(),
    })?;
    let [number, version, read_only, in_recovery, encoding]: [String; 5] = rows
        .into_iter()
        .next()
        .and_then(|row| row.try_into().ok())
        .unwrap_or_default();
    if number.parse::<u32>().unwrap_or(0) < MIN_SERVER_VERSION * 10_000 {
        return Err(OpenError::TooOld {
            server: server(),
            version,
        });
    }
    if read_only == "on" || in_recovery == "t" {
        return Err(OpenError::ReadOnly { server: server() });
    }
    if encoding != "UTF8" {
        return Err(OpenError::Server {
            server: server(),
            message: format!("the database's encoding is {encoding}; make one with UTF8"),
        });
    }
    Ok(())
}
