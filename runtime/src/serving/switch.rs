//! The pages of the admin listener by which `terrace sql move` has this server hold its statements on a database, and go on with
//! them on another one. Moving the rows is left to [`storage::sql::transfer`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use storage::sql::{Database, Held};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::clock;
use crate::limits::{MAX_HOLD, MAX_HOLD_WAIT, STATE_CLOSE_TIMEOUT};
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, posted, refuse};
use crate::settings::Engine;
use crate::state::{State, open_database};

/// The page that holds the statements on a database.
pub(crate) const HOLD_PATH: &str = "/sql/move/hold";
/// The page that has them go on, on the new database.
pub(crate) const SWITCH_PATH: &str = "/sql/move/switch";
/// The page that has them go on as before.
pub(crate) const RELEASE_PATH: &str = "/sql/move/release";

/// What is to be held, and where it goes on.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchRequest {
    /// The label of the database.
    pub(crate) label: String,
    /// Where the database is, as [`Engine::shown`] has it.
    pub(crate) from: String,
    /// The URL of the new database: `sqlite:PATH` or that of a server.
    pub(crate) to: String,
    /// The password of its user, if it is not in the URL.
    pub(crate) password: Option<String>,
}

/// The answer.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SwitchAnswer {
    /// Whether this server uses the database.
    pub(crate) uses_it: bool,
}

/// The databases that are held, by label.
#[derive(Default)]
struct Waiting(Mutex<BTreeMap<String, Entry>>);

struct Entry {
    held: Held,
    target: Database,
    engine: Engine,
    /// Lets the statements go on if nobody says how.
    release: AbortHandle,
}

/// The pages for the databases that `state` has open.
pub(super) fn pages(state: &Arc<State>) -> Vec<AdminPage> {
    let waiting = Arc::<Waiting>::default();
    let page = |path| {
        let (state, waiting) = (Arc::clone(state), Arc::clone(&waiting));
        AdminPage::new(path, move |request| {
            let (state, waiting) = (Arc::clone(&state), Arc::clone(&waiting));
            async move {
                answer(&request, &state, &waiting)
                    .await
                    .map(ResponseBody::Full)
            }
        })
    };
    vec![page(HOLD_PATH), page(SWITCH_PATH), page(RELEASE_PATH)]
}

async fn answer(
    request: &Request<Bytes>,
    state: &State,
    waiting: &Arc<Waiting>,
) -> Response<Bytes> {
    let wanted = match posted::<SwitchRequest>(request) {
        Ok(wanted) => wanted,
        Err(refused) => return *refused,
    };
    let answered = match request.uri().path() {
        HOLD_PATH => hold(wanted, state, waiting).await,
        SWITCH_PATH => Ok(switch(&wanted, state, waiting).await),
        _ => Ok(waiting.take(&wanted.label).is_some()),
    };
    match answered {
        Ok(uses_it) => json(StatusCode::OK, &SwitchAnswer { uses_it }),
        Err(what) => refuse(StatusCode::CONFLICT, &what),
    }
}

/// Opens the new database, and holds the statements on the old one. Whether this server uses it.
async fn hold(
    wanted: SwitchRequest,
    state: &State,
    waiting: &Arc<Waiting>,
) -> Result<bool, String> {
    let Some((database, engine)) = state.located(&wanted.label) else {
        return Ok(false);
    };
    if engine.shown() != wanted.from {
        return Ok(false);
    }
    let target = engine.replaced(&wanted.to, wanted.password);
    let opening = target.clone();
    let opened = tokio::task::spawn_blocking(move || open_database(&opening));
    let opened = opened.await.map_err(|error| error.to_string())?;
    let opened = opened.map_err(|error| error.to_string())?;
    let held = database.hold(clock::now() + MAX_HOLD_WAIT).await;
    let held = held.map_err(|_| {
        "a statement or a transaction on the database takes too long; try again".to_owned()
    })?;
    let (label, late) = (wanted.label.clone(), Arc::clone(waiting));
    let release = tokio::spawn(async move {
        sleep(MAX_HOLD).await;
        if late.take(&label).is_some() {
            tracing::warn!(
                "nobody said how the statements on `{label}` go on; they go on as before"
            );
        }
    });
    let entry = Entry {
        held,
        target: opened,
        engine: target,
        release: release.abort_handle(),
    };
    waiting.0.lock().insert(wanted.label, entry);
    Ok(true)
}

/// Has the statements go on, on the new database. Whether they were held.
async fn switch(wanted: &SwitchRequest, state: &State, waiting: &Waiting) -> bool {
    let Some(entry) = waiting.take(&wanted.label) else {
        return false;
    };
    state.relocate(&wanted.label, &entry.engine);
    tracing::info!("`{}` is at {} now", wanted.label, entry.engine.shown());
    let deadline = clock::now() + STATE_CLOSE_TIMEOUT;
    if let Err(error) = entry.held.switch(&entry.target, deadline).await {
        tracing::warn!("the old database was not closed in order: {error}");
    }
    true
}

impl Waiting {
    fn take(&self, label: &str) -> Option<Entry> {
        let entry = self.0.lock().remove(label)?;
        entry.release.abort();
        Some(entry)
    }
}
