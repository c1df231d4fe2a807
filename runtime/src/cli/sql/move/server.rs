//! Asks a running server to hold its statements on the database, and to go on with them on the new one.

use std::net::SocketAddr;

use http::Request;

use super::super::super::admin;
use super::super::super::error::CommandError;
use crate::serving::{HOLD_PATH, RELEASE_PATH, SWITCH_PATH, SwitchAnswer, SwitchRequest};

/// A server that may run.
pub(super) struct Server {
    /// Its admin listener; none if it is off.
    pub(super) admin: Option<SocketAddr>,
    pub(super) request: SwitchRequest,
    /// Whether it waits for an answer.
    pub(super) is_held: bool,
}

impl Server {
    /// Has it hold the statements. Without a server that uses the database, nothing has to be held.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn hold(&mut self) -> Result<(), String> {
        self.is_held = self.ask(HOLD_PATH).await?;
        Ok(())
    }

    /// Has it go on as before.
    pub(super) async fn release(&mut self) {
        if self.is_held {
            self.is_held = false;
            // If it cannot be told, it does so by itself.
            let _ = self.ask(RELEASE_PATH).await;
        }
    }

    /// Has it go on with the new database. Whether it does.
    pub(super) async fn switch(&mut self) -> bool {
        let is_held = std::mem::take(&mut self.is_held);
        is_held && self.ask(SWITCH_PATH).await == Ok(true)
    }

    async fn ask(&self, path: &str) -> Result<bool, String> {
        let Some(admin) = self.admin else {
            return Ok(false);
        };
        let content = serde_json::to_vec(&self.request).expect("strings serialise");
        match admin::ask::<SwitchAnswer>(admin, Request::post(path), content).await {
            Ok(Ok(answer)) => Ok(answer.uses_it),
            // Nobody listens there.
            Ok(Err(_)) => Ok(false),
            Err(CommandError::Failed(reason)) => Err(reason.message),
            Err(_) => Err("it gives another answer".to_owned()),
        }
    }
}
