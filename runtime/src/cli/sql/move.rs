//! `terrace sql move`: moves a database to another engine while it serves, and back.
//! Copying is left to [`storage::sql::transfer`], its figures as text to `moving`.

mod server;
mod target;
mod watch;

use storage::OpenError;
use storage::sql::transfer::{self, MoveError, Place};

use self::server::Server;
use self::target::Target;
use self::watch::Mover;
use super::super::arguments::MoveArguments;
use super::super::console::Console;
use super::super::error::CommandError;
use super::super::event::Event;
use super::super::moving::{MoveDone, MoveFinding, MovePlan};
use super::failed;
use crate::block_on::block_on;
use crate::clock;
use crate::fault::Reason;
use crate::serving::Databases;
use crate::settings::AdminAddress;

pub(super) fn run(arguments: &MoveArguments, console: Console) -> Result<(), CommandError> {
    let databases = Databases::read(&arguments.database.options())?;
    let from = databases.place(&arguments.label)?;
    let variable = arguments.password_variable.as_deref();
    let to = arguments.to.as_deref();
    let to = to.map(|url| Target::read(url, variable)).transpose()?;
    let moving = async {
        match &to {
            Some(to) if !arguments.abandon => match arguments.dry_run {
                true => plan(&from, to, console).await,
                false => {
                    let admin = arguments.admin.map(AdminAddress::address);
                    let server = Server {
                        admin: admin.unwrap_or_else(|| databases.admin()),
                        request: to.request(&arguments.label, databases.shown(&arguments.label)?),
                        is_held: false,
                    };
                    make(&from, to, arguments, Mover::new(console, server)).await
                }
            },
            to => abandon(&from, to.as_ref(), console).await,
        }
    };
    block_on(moving).map_err(failed)?
}

async fn plan(from: &Place, to: &Target, console: Console) -> Result<(), CommandError> {
    let plan = transfer::plan(from, &to.place).await;
    let plan = plan.map_err(|error| refused(error, console))?;
    console.tell(&Event::SqlMovePlan(&MovePlan::new(plan)));
    Ok(())
}

async fn make(
    from: &Place,
    to: &Target,
    arguments: &MoveArguments,
    mut mover: Mover,
) -> Result<(), CommandError> {
    let (begun, console) = (mover.bar.begun(), mover.console);
    let moved = transfer::run(from, &to.place, &mut mover).await;
    mover.bar.end_line();
    let moved = moved.map_err(|error| refused(error, console))?;
    let settings = to.settings(&arguments.label);
    let done = MoveDone::new(moved, clock::now() - begun, mover.switched, settings);
    console.tell(&Event::SqlMoved(&done));
    Ok(())
}

async fn abandon(from: &Place, to: Option<&Target>, console: Console) -> Result<(), CommandError> {
    let abandoned = transfer::abandon(from, to.map(|to| &to.place)).await;
    abandoned.map_err(|error| refused(error, console))?;
    console.tell(&Event::SqlMoveAbandoned);
    Ok(())
}

/// Lists what was found. A URL that cannot be used is the user's mistake; all else is a failure.
fn refused(error: MoveError, console: Console) -> CommandError {
    let message = error.to_string();
    match error {
        MoveError::Findings { findings, .. } => {
            for finding in findings {
                console.tell(&Event::SqlMoveFinding(&MoveFinding::new(finding)));
            }
            let help =
                "change them in the database that is moved, and try again; nothing is moved yet";
            CommandError::Failed(Reason::new(message).help(help))
        }
        MoveError::Open(OpenError::Url { .. })
        | MoveError::NoServer
        | MoveError::SameDatabase { .. } => CommandError::argument("--to", message),
        _ => failed(message),
    }
}
