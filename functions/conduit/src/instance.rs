//! What an instance finds out once and keeps for all its requests.

use std::cell::RefCell;
use std::rc::Rc;

use terrace_sdk::sql::Connection;
use terrace_sdk::{Error, log, variables};

use crate::database;
use crate::limits::MIN_SECRET_BYTES;

/// How the value begins that `spin.toml` gives the secret until an operator sets one.
const DEVELOPMENT_SECRET_PREFIX: &str = "development-only-";

/// Read by every request, and the same for all.
pub(crate) struct Instance {
    /// Signs the tokens.
    pub(crate) secret: Vec<u8>,
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
    if secret.starts_with(DEVELOPMENT_SECRET_PREFIX) {
        log::warn(
            "jwt_secret has its development value, which anyone can read in spin.toml: set variable jwt_secret before others can reach this server",
        );
    }
    database::migrate(connection).await?;
    Ok(Instance {
        secret: secret.into_bytes(),
    })
}
