//! Shows how far a move is: a bar on a terminal, lines elsewhere.

use storage::sql::transfer::{Progress, Watch};

use super::super::super::bar::Bar;
use super::super::super::console::Console;
use super::super::super::event::Event;
use super::super::super::moving::MoveProgress;
use super::server::Server;

/// Whoever runs the command.
pub(super) struct Mover {
    pub(super) console: Console,
    pub(super) bar: Bar,
    server: Server,
    /// The last step that was shown.
    step: &'static str,
    /// Whether a running server uses the target.
    pub(super) switched: bool,
}

impl Mover {
    pub(super) fn new(console: Console, server: Server) -> Self {
        Self {
            console,
            bar: Bar::new(),
            server,
            step: "",
            switched: false,
        }
    }

    fn show(&mut self, progress: &MoveProgress) {
        let is_new = self.step != progress.step;
        self.step = progress.step;
        if !self.console.interactive() {
            if self.console.json() || is_new {
                self.console.tell(&Event::SqlMoveProgress(progress));
            }
            return;
        }
        if is_new {
            self.bar.end_line();
        }
        self.bar.draw(progress.rows, progress.of, progress);
    }
}

fn shown(progress: &Progress<'_>) -> MoveProgress {
    let (step, table, rows, of) = match *progress {
        Progress::Copied { table, rows, of } => ("copy", Some(table), rows, Some(of)),
        Progress::Indexing => ("index", None, 0, None),
        Progress::Compared { table, rows, of } => ("compare", Some(table), rows, Some(of)),
        Progress::CaughtUp { changes } => ("catch-up", None, changes as u64, None),
        Progress::Pausing => ("pause", None, 0, None),
    };
    MoveProgress {
        step,
        table: table.map(str::to_owned),
        rows,
        of,
    }
}

impl Watch for Mover {
    fn report(&mut self, progress: &Progress<'_>) {
        self.show(&shown(progress));
    }

    async fn hold(&mut self) -> Result<(), String> {
        self.server.hold().await
    }

    async fn release(&mut self) {
        self.server.release().await;
    }

    async fn switch(&mut self) {
        self.switched = self.server.switch().await;
    }
}
