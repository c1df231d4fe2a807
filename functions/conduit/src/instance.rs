//! Values that an instance determines once and keeps for all its requests.

use std::cell::RefCell;
use std::rc::Rc;

use terrace_sdk::sql::Connection;
use terrace_sdk::{Error, log, values, variables};

use crate::limits::{MIN_SECRET_BYTES, WARNING_PAUSE_SECONDS};
use crate::{clock, database};

/// How the value begins that `spin.toml` gives the secret until an operator sets one.
const DEVELOPMENT_SECRET_PREFIX: &str = "development-only-";

/// Read by every request, and the same for all.
pub(crate) struct Instance {
    /// Signs the tokens.
    pub(crate) secret: Vec<u8>,
    /// Whether somebody delivers the events of the outbox. Without that, they would only fill it.
    pub(crate) sends_events: bool,
}

thread_local! {
    static PREPARED: RefCell<Option<Rc<Instance>>> = const { RefCell::new(None) };
}

/// Gives what was prepared before, or reads the secret and brings the database up to date.
pub(crate) async fn prepared(connection: &Connection) -> Result<Rc<Instance>, Error> {
    if let Some(prepared) = PREPARED.with_borrow(Clone::clone) {
        return Ok(prepared);
    }
    let instance = Rc::new(prepare(connection).await?);
    // A native test has a host, and with it a database, of its own: nothing may outlive it.
    if cfg!(target_family = "wasm") {
        PREPARED.set(Some(instance.clone()));
    }
    Ok(instance)
}

async fn prepare(connection: &Connection) -> Result<Instance, Error> {
    let secret = variables::get("jwt_secret").await?;
    if secret.len() < MIN_SECRET_BYTES {
        return Err(Error::message(format!(
            "variable jwt_secret is shorter than {MIN_SECRET_BYTES} bytes; set a longer one"
        )));
    }
    database::migrate(connection).await?;
    if secret.starts_with(DEVELOPMENT_SECRET_PREFIX) && is_due(connection).await? {
        log::warn(
            "jwt_secret has its development value, which anyone can read in spin.toml: set variable jwt_secret before others can reach this server",
        );
    }
    Ok(Instance {
        secret: secret.into_bytes(),
        sends_events: sends_events().await?,
    })
}

async fn sends_events() -> Result<bool, Error> {
    match variables::get("events").await {
        Ok(value) if value == "on" => Ok(true),
        Ok(value) if value == "off" => Ok(false),
        Ok(value) => Err(Error::message(format!(
            "variable events is {value:?}, and not on or off"
        ))),
        Err(variables::Error::Undefined(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether to warn now. All instances ask the same database, so the log has the warning once an hour, and not once for
/// each instance.
async fn is_due(connection: &Connection) -> Result<bool, Error> {
    const NOTE: &str = "
        INSERT INTO warnings (name, given_at) VALUES ('jwt_secret', ?1)
        ON CONFLICT (name) DO UPDATE SET given_at = ?1 WHERE given_at <= ?2
        RETURNING given_at";
    let now = clock::now().as_second();
    let noted = connection.execute(NOTE, values![now, now - WARNING_PAUSE_SECONDS]);
    Ok(!noted.await?.is_empty())
}
