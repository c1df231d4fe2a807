//! SQL databases: sessions that execute statements with deadlines and transactions, on SQLite.
//! Grants, labels and the interfaces of guests are left to the capability that binds a guest to a session.
//!
//! One thread writes and commits in groups (`worker.rs`); reads run where they are asked for, or on
//! threads of their own if they take long (`readers.rs`); a [`Session`] decides which. An acknowledged
//! write is on the disk.
//!
//! ```
//! # use std::time::{Duration, Instant};
//! # use terrace_runtime::sql::{Database, Options, Value};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("app.db");
//! let database = Database::open(&path, Options::default())?;
//! let mut session = database.session();
//! let deadline = Instant::now() + Duration::from_secs(5);
//! session.execute("CREATE TABLE note (text TEXT)", vec![], deadline).await?;
//! session.execute("INSERT INTO note VALUES (?)", vec!["hello".into()], deadline).await?;
//! let notes = session.execute("SELECT text FROM note", vec![], deadline).await?;
//! assert_eq!(notes.columns, ["text"]);
//! assert_eq!(notes.rows, [[Value::from("hello")]]);
//! # Ok(())
//! # }
//! ```

mod connection;
mod counters;
mod database;
mod error;
mod guard;
mod kinds;
mod limits;
mod open;
mod readers;
mod session;
mod statistics;
mod value;
mod watch;
mod worker;
mod writer;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use error::Error;
pub use limits::*;
pub use open::{OpenError, Options};
pub use session::Session;
pub use statistics::{Counter, Statistics};
pub use value::{Rows, Value};
