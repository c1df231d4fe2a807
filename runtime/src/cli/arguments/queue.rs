//! The arguments of `terrace queue`.

use clap::{ArgGroup, Args, Subcommand};

use super::{AdminArguments, examples};

/// The commands for queues.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Show the queues, how many messages they have, and for how long the first one waits
    #[command(after_help = examples::QUEUE_LS)]
    Ls(AdminArguments),
    /// Show the messages of a queue, a hundred at most, with the reason of their last failure
    #[command(after_help = examples::QUEUE_SHOW)]
    Show(ShowArguments),
    /// Deliver dead letters again
    #[command(after_help = examples::QUEUE_REDRIVE)]
    Redrive(ChangeArguments),
    /// Delete messages, except those in work; nothing brings them back
    #[command(after_help = examples::QUEUE_DROP)]
    Drop(ChangeArguments),
}

impl QueueCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Ls(admin) => admin.json,
            Self::Show(arguments) => arguments.queue.admin.json,
            Self::Redrive(arguments) | Self::Drop(arguments) => arguments.queue.admin.json,
        }
    }
}

/// The arguments that name a queue of a server.
#[derive(Debug, Args)]
pub(crate) struct QueueArguments {
    /// The name of the queue; the dead letters of `mail` are in `mail.dead`
    pub(crate) queue: String,
    #[command(flatten)]
    pub(crate) admin: AdminArguments,
}

/// The arguments of `terrace queue show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(crate) queue: QueueArguments,
    /// Begin after the message with this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) after: Option<i64>,
}

/// The arguments of `terrace queue redrive` and `terrace queue drop`: one message, or all.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["number", "all"]))]
pub(crate) struct ChangeArguments {
    #[command(flatten)]
    pub(crate) queue: QueueArguments,
    /// The message with this number, as `terrace queue show` has it
    #[arg(value_name = "NUMBER")]
    number: Option<i64>,
    /// All messages of the queue
    #[arg(long)]
    all: bool,
}

impl ChangeArguments {
    /// The message; `None` for all.
    pub(crate) fn number(&self) -> Option<i64> {
        self.number
    }
}
