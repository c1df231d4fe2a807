//! `terrace queue`: the queues of a running server, by its admin listener. Its pages are in `crate::queues`.

use http::Request;

use super::admin;
use super::arguments::{QueueArguments, QueueCommand};
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use super::messages::{Messages, Overview};
use crate::queues::{ChangeRequest, Changed, DELETE_PATH, LIST_PATH, QUEUES_PATH, REDRIVE_PATH};

/// Runs a command for queues.
pub(crate) fn run(command: &QueueCommand, console: Console) -> Result<(), CommandError> {
    match command {
        QueueCommand::Ls(arguments) => {
            let address = admin::address(arguments)?;
            let queues = admin::call(address, Request::get(QUEUES_PATH), Vec::new())?;
            console.tell(&Event::Queues(&Overview { queues }));
        }
        QueueCommand::Show(arguments) => {
            let number = arguments.after;
            let messages = change(&arguments.queue, LIST_PATH, number)?;
            console.tell(&Event::Messages(&Messages { messages }));
        }
        QueueCommand::Redrive(arguments) => {
            let number = arguments.number();
            let Changed { changed } = change(&arguments.queue, REDRIVE_PATH, number)?;
            console.tell(&Event::Redriven { messages: changed });
        }
        QueueCommand::Drop(arguments) => {
            let number = arguments.number();
            let Changed { changed } = change(&arguments.queue, DELETE_PATH, number)?;
            console.tell(&Event::Dropped { messages: changed });
        }
    }
    Ok(())
}

fn change<T: serde::de::DeserializeOwned>(
    arguments: &QueueArguments,
    path: &str,
    number: Option<i64>,
) -> Result<T, CommandError> {
    let queue = arguments.queue.clone();
    let content = serde_json::to_vec(&ChangeRequest { queue, number });
    let content = content.expect("strings and numbers serialise");
    let address = admin::address(&arguments.admin)?;
    admin::call(address, Request::post(path), content)
}
