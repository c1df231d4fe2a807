//! Databases: the bindings to `spin:sqlite@3.1` and `fermyon:spin/sqlite@2`.
//! Statements and transactions are those of [`storage::sql`].

mod rows;

use std::sync::{Arc, Weak};

use storage::EngineFailure;
use storage::sql::{Database, Error, Reader, Rows, Session, Value};
use tokio::sync::{Mutex, Notify};
use wasmtime::component::{Accessor, Resource};

use super::bindings::fermyon::spin::sqlite as v2;
use super::bindings::spin::sqlite::sqlite as v3;
use super::current_request::CurrentRequest;
use super::{Capabilities, CapabilitiesView, HasCapabilities};
use crate::queues::OutboxNews;

/// A database that a component was granted.
#[derive(Clone, Debug)]
pub struct OpenDatabase {
    /// The database.
    pub(crate) database: Database,
    /// Who is told when its outbox may have rows, if it has one.
    pub(crate) outbox: Option<Arc<Notify>>,
}

/// A guest's connection. Its statements run one after the other.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "generated code names it")]
pub struct Connection {
    session: Arc<Mutex<Session>>,
    outbox: Option<Arc<OutboxNews>>,
}

impl Connection {
    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
        request: &CurrentRequest,
    ) -> Result<(Rows, Option<Reader>), Error> {
        let mut session = self.session.lock().await;
        let deadline = request.deadline();
        let call = async {
            match &request.queries {
                Some(queries) => {
                    let counted = session.execute_for(queries, statement, parameters, deadline);
                    let (rows, reader) = counted.await?;
                    Ok((rows, Some(reader)))
                }
                // Between requests, each statement is past its deadline.
                None => {
                    let rows = session.execute(statement, parameters, deadline).await?;
                    Ok((rows, None))
                }
            }
        };
        let result = request.observe(call, Error::engine_failure).await;
        if let Some(outbox) = &self.outbox {
            outbox.executed(statement, session.is_in_transaction());
        }
        result
    }
}

/// The component was not granted the database.
#[derive(Clone, Copy)]
struct AccessDenied;

/// The sessions that an instance has open. A reused guest may keep one in a static after its request.
#[derive(Default)]
pub(super) struct OpenSessions(Vec<Weak<Mutex<Session>>>);

impl OpenSessions {
    fn add(&mut self, session: &Arc<Mutex<Session>>) {
        self.0.retain(|session| session.strong_count() > 0);
        self.0.push(Arc::downgrade(session));
    }

    /// Rolls back the open transaction of each session.
    pub(super) fn roll_back(&mut self) {
        self.0.retain(|session| session.strong_count() > 0);
        for session in self.0.iter().filter_map(Weak::upgrade) {
            // A locked session runs a statement of a request that has not ended.
            if let Ok(mut session) = session.try_lock() {
                session.roll_back();
            }
        }
    }
}

impl CapabilitiesView<'_> {
    fn connection(
        &self,
        connection: &Resource<Connection>,
    ) -> wasmtime::Result<(Connection, CurrentRequest)> {
        let connection = self.table.get(connection)?.clone();
        Ok((connection, self.capabilities.request.clone()))
    }

    fn open_connection(
        &mut self,
        name: &str,
    ) -> wasmtime::Result<Result<Resource<Connection>, AccessDenied>> {
        let Capabilities {
            grants, sessions, ..
        } = &mut *self.capabilities;
        // A granted label has a database: otherwise the app would not have started.
        let Some(opened) = grants.databases.get(name) else {
            return Ok(Err(AccessDenied));
        };
        let session = Arc::new(Mutex::new(opened.database.session()));
        sessions.add(&session);
        let outbox = opened.outbox.clone().map(OutboxNews::new);
        let connection = Connection {
            session,
            outbox: outbox.map(Arc::new),
        };
        Ok(Ok(self.table.push(connection)?))
    }

    fn drop_connection(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

/// The types of the two versions differ only in their names.
macro_rules! conversions {
    ($version:ident) => {
        impl From<AccessDenied> for $version::Error {
            fn from(AccessDenied: AccessDenied) -> Self {
                Self::AccessDenied
            }
        }

        impl From<Error> for $version::Error {
            fn from(error: Error) -> Self {
                match error {
                    Error::Engine(EngineFailure::Full) => Self::DatabaseFull,
                    other => Self::Io(other.to_string()),
                }
            }
        }

        impl From<$version::Value> for Value {
            fn from(value: $version::Value) -> Self {
                match value {
                    $version::Value::Integer(integer) => Self::Integer(integer),
                    $version::Value::Real(real) => Self::Real(real),
                    $version::Value::Text(text) => Self::Text(text),
                    $version::Value::Blob(bytes) => Self::Blob(bytes),
                    $version::Value::Null => Self::Null,
                }
            }
        }

        impl From<Value> for $version::Value {
            fn from(value: Value) -> Self {
                match value {
                    Value::Integer(integer) => Self::Integer(integer),
                    Value::Real(real) => Self::Real(real),
                    Value::Text(text) => Self::Text(text),
                    Value::Blob(bytes) => Self::Blob(bytes),
                    Value::Null => Self::Null,
                }
            }
        }

        impl From<Rows> for $version::QueryResult {
            fn from(rows: Rows) -> Self {
                let row = |values: Vec<Value>| $version::RowResult {
                    values: converted(values),
                };
                Self {
                    columns: rows.columns,
                    rows: rows.rows.into_iter().map(row).collect(),
                }
            }
        }
    };
}

conversions!(v2);
conversions!(v3);

fn converted<From, To: std::convert::From<From>>(values: Vec<From>) -> Vec<To> {
    values.into_iter().map(Into::into).collect()
}

type Access<T> = Accessor<T, HasCapabilities>;

impl v3::Host for CapabilitiesView<'_> {}

impl v3::HostConnection for CapabilitiesView<'_> {
    async fn open(
        &mut self,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, v3::Error>> {
        Ok(self.open_connection(&database)?.map_err(Into::into))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<v3::Value>,
    ) -> wasmtime::Result<Result<v3::QueryResult, v3::Error>> {
        let (connection, request) = self.connection(&connection)?;
        let rows = connection
            .execute(&statement, converted(parameters), &request)
            .await;
        Ok(rows.map(|(rows, _)| rows.into()).map_err(Into::into))
    }

    async fn last_insert_rowid(
        &mut self,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        Ok(self
            .connection(&connection)?
            .0
            .session
            .lock()
            .await
            .last_insert_rowid())
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self
            .connection(&connection)?
            .0
            .session
            .lock()
            .await
            .changes())
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.drop_connection(connection)
    }
}

impl<T: 'static> v3::HostConnectionWithStore<T> for HasCapabilities {
    async fn open_async(
        accessor: &Access<T>,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, v3::Error>> {
        Ok(accessor
            .with(|mut access| access.get().open_connection(&database))?
            .map_err(Into::into))
    }

    async fn execute_async(
        accessor: &Access<T>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<v3::Value>,
    ) -> wasmtime::Result<Result<rows::Stream, v3::Error>> {
        let (connection, request) =
            accessor.with(|mut access| access.get().connection(&connection))?;
        match connection
            .execute(&statement, converted(parameters), &request)
            .await
        {
            Ok((rows, reader)) => accessor
                .with(|access| rows::stream(access, rows, reader))
                .map(Ok),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn last_insert_rowid_async(
        accessor: &Access<T>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let (connection, _) = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.session.lock().await.last_insert_rowid())
    }

    async fn changes_async(
        accessor: &Access<T>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let (connection, _) = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.session.lock().await.changes())
    }
}

impl v2::Host for CapabilitiesView<'_> {}

impl v2::HostConnection for CapabilitiesView<'_> {
    async fn open(
        &mut self,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, v2::Error>> {
        Ok(self.open_connection(&database)?.map_err(Into::into))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<v2::Value>,
    ) -> wasmtime::Result<Result<v2::QueryResult, v2::Error>> {
        let (connection, request) = self.connection(&connection)?;
        let rows = connection
            .execute(&statement, converted(parameters), &request)
            .await;
        Ok(rows.map(|(rows, _)| rows.into()).map_err(Into::into))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.drop_connection(connection)
    }
}
