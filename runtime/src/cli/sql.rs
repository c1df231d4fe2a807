//! `terrace sql`: the databases of an installation, also beside a running server, and the queries of that server.
//! Finding and opening them is left to `serving`, statements to the crate [`storage`].

mod advise;
mod exec;
mod migrate;
mod r#move;
mod parameter;

use storage::sql::Database;

use super::arguments::SqlCommand;
use super::console::Console;
use super::error::CommandError;
use super::limits::DATABASE_CLOSE_TIMEOUT;
use crate::block_on::block_on;
use crate::clock;
use crate::fault::Reason;

/// Runs a command for databases.
pub(crate) fn run(command: &SqlCommand, console: Console) -> Result<(), CommandError> {
    match command {
        SqlCommand::Exec(arguments) => exec::run(arguments, console),
        SqlCommand::Migrate(arguments) => migrate::run(arguments, console),
        SqlCommand::Advise(arguments) => advise::run(arguments, console),
        SqlCommand::Move(arguments) => r#move::run(arguments, console),
    }
}

/// Runs `work` to its end, and closes the database.
fn with_database<T>(
    database: &Database,
    work: impl AsyncFnOnce(&Database) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let working = async {
        let outcome = work(database).await;
        let closed = database.close(clock::now() + DATABASE_CLOSE_TIMEOUT).await;
        let value = outcome?;
        closed.map_err(failed)?;
        Ok(value)
    };
    block_on(working).map_err(failed)?
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(Reason::new(error.to_string()))
}
