//! `terrace sql exec`: one statement, its plan or its translation.

use std::path::PathBuf;

use storage::dialect::{self, Kind, Refusal};
use storage::sql::{Database, Error, Value};

use super::super::answer::{Answer, Plan, Translation};
use super::super::arguments::ExecArguments;
use super::super::console::Console;
use super::super::error::CommandError;
use super::super::event::Event;
use super::super::limits::SQL_STATEMENT_TIMEOUT;
use super::{failed, parameter, with_database};
use crate::clock;
use crate::fault::{Fault, Reason, Source};
use crate::serving::{Databases, portability};

/// The name of the statement in messages.
const NAME: &str = "statement";

pub(super) fn run(arguments: &ExecArguments, console: Console) -> Result<(), CommandError> {
    let values = arguments.parameters.iter();
    let values: Vec<_> = values.map(|text| parameter::value(text)).collect();
    let databases = Databases::read(&arguments.database.options())?;
    let database = databases.open(&arguments.label)?;
    let text = &arguments.statement;
    with_database(&database, async |database| {
        if arguments.explain {
            let plan = explain(database, text, values).await?;
            console.tell(&Event::SqlPlan(&plan));
        } else if arguments.translate {
            let translation = translate(database, text, &values).await?;
            console.tell(&Event::SqlTranslation(&translation));
        } else {
            let answer = execute(database, text, values).await?;
            console.tell(&Event::SqlAnswer(&answer));
        }
        Ok(())
    })
}

async fn execute(
    database: &Database,
    text: &str,
    values: Vec<Value>,
) -> Result<Answer, CommandError> {
    let mut session = database.session();
    let deadline = clock::now() + SQL_STATEMENT_TIMEOUT;
    let rows = session.execute(text, values, deadline).await;
    let rows = rows.map_err(|error| refused(text, &error))?;
    if session.is_in_transaction() {
        let reason =
            Reason::new("the statement begins a transaction, which ended with the command");
        let help = "give one statement that is complete by itself";
        return Err(CommandError::argument(NAME, reason.help(help)));
    }
    Ok(Answer::new(text, rows, session.changes()))
}

async fn explain(
    database: &Database,
    text: &str,
    values: Vec<Value>,
) -> Result<Plan, CommandError> {
    let deadline = clock::now() + SQL_STATEMENT_TIMEOUT;
    let steps = database.session().explain(text, values, deadline).await;
    Ok(Plan::new(steps.map_err(|error| refused(text, &error))?))
}

async fn translate(
    database: &Database,
    text: &str,
    values: &[Value],
) -> Result<Translation, CommandError> {
    let deadline = clock::now() + SQL_STATEMENT_TIMEOUT;
    let schema = database.session().schema(deadline).await.map_err(failed)?;
    let kinds: Vec<_> = values.iter().map(Kind::of).collect();
    let translated = dialect::translate(text, &schema, &kinds);
    let translated = translated.map_err(|refusal| not_portable(text, refusal))?;
    Ok(Translation::new(translated.texts))
}

/// A mistake in the statement is the user's; all else is a failure.
fn refused(text: &str, error: &Error) -> CommandError {
    match error {
        Error::Statement { .. }
        | Error::Forbidden { .. }
        | Error::StatementTooLong { .. }
        | Error::ParameterCount { .. } => match error.place() {
            Some((offset, message)) => at(text, offset, message.into()),
            None => CommandError::argument(NAME, error.to_string()),
        },
        Error::Engine(_)
        | Error::TransactionLost
        | Error::Constraint { .. }
        | Error::ResultTooLarge
        | Error::InvalidText { .. } => failed(error),
    }
}

fn not_portable(text: &str, refusal: Refusal) -> CommandError {
    let offset = refusal.place.offset;
    at(text, offset, portability(refusal))
}

/// A mistake at a place of the statement.
fn at(text: &str, offset: usize, reason: Reason) -> CommandError {
    let source = Source {
        file: PathBuf::from(NAME),
        text: text.to_owned(),
    };
    let fault: Fault = source.fault(&(offset..offset), reason);
    CommandError::Faults(fault.into())
}
