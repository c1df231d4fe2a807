//! One request with its user, its content and the database.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use terrace_sdk::http::header::AUTHORIZATION;
use terrace_sdk::http::request::Parts;
use terrace_sdk::sql::{self, Connection, Rows, Statement, Value};
use terrace_sdk::{Body, Request, values};

use crate::failure::Failure;
use crate::instance::{self, Instance};
use crate::paging::Query;
use crate::{auth, body, clock, database};

/// What the database takes for nobody: ids begin at 1.
const NOBODY: i64 = 0;

const VIEWER_EXISTS: &str = "SELECT 1 FROM users WHERE id = ?1";

/// A request whose sender is known.
pub(crate) struct Call {
    pub(crate) instance: Rc<Instance>,
    database: Connection,
    pub(crate) head: Parts,
    body: Body,
    viewer: Option<i64>,
}

impl Call {
    /// Opens the database and checks the token, if there is one.
    pub(crate) async fn begin(request: Request) -> Result<Self, Failure> {
        let database = Connection::open(database::LABEL).await?;
        let instance = instance::prepared(&database).await?;
        let (head, body) = request.into_parts();
        let viewer = match token(&head) {
            None => None,
            Some(token) => Some(
                auth::verify(token, &instance.secret, clock::now()).ok_or(Failure::InvalidToken)?,
            ),
        };
        Ok(Self {
            instance,
            database,
            head,
            body,
            viewer,
        })
    }

    /// The signed-in user's id, for requests that need one.
    pub(crate) fn viewer(&self) -> Result<i64, Failure> {
        self.viewer.ok_or(Failure::MissingToken)
    }

    /// The signed-in user's id, or one that no user has.
    pub(crate) fn viewer_or_nobody(&self) -> i64 {
        self.viewer.unwrap_or(NOBODY)
    }

    /// The token of the request.
    pub(crate) fn token(&self) -> Result<&str, Failure> {
        token(&self.head).ok_or(Failure::MissingToken)
    }

    pub(crate) fn query(&self) -> Query {
        Query::parse(self.head.uri.query().unwrap_or(""))
    }

    /// The content as JSON; it can be read once.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        body::read(&self.head.headers, std::mem::take(&mut self.body)).await
    }

    /// Reads with one statement.
    pub(crate) async fn read(&self, text: &str, parameters: Vec<Value>) -> Result<Rows, Failure> {
        Ok(self.database.execute(text, parameters).await?)
    }

    /// Changes with one statement.
    pub(crate) async fn change(&self, text: &str, parameters: Vec<Value>) -> Result<Rows, Failure> {
        match self.database.execute(text, parameters).await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.blame(error).await),
        }
    }

    /// Changes with several statements, all or none.
    pub(crate) async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, Failure> {
        match self.database.batch(statements).await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.blame(error).await),
        }
    }

    /// A change can fail because its user is gone while the token is still valid, as after a restored
    /// backup. Only then is it worth asking.
    async fn blame(&self, error: sql::Error) -> Failure {
        let known = self
            .database
            .execute(VIEWER_EXISTS, values![self.viewer_or_nobody()])
            .await;
        match known {
            Ok(rows) if rows.is_empty() && self.viewer.is_some() => Failure::InvalidToken,
            _ => error.into(),
        }
    }
}

fn token(head: &Parts) -> Option<&str> {
    auth::token(head.headers.get(AUTHORIZATION)?.to_str().ok()?)
}
