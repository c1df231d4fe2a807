//! Shows how far a move is: a bar on a terminal, lines elsewhere.

use std::io::{self, Write};
use std::time::Instant;

use storage::sql::transfer::{Progress, Watch};

use super::super::super::console::Console;
use super::super::super::event::Event;
use super::super::super::moving::MoveProgress;
use super::server::Server;
use crate::clock;

/// The width of the bar, in characters.
const BAR: u64 = 30;

/// Whoever runs the command.
pub(super) struct Mover {
    pub(super) console: Console,
    pub(super) begun: Instant,
    server: Server,
    /// The last step that was shown.
    step: &'static str,
    /// Whether the cursor is behind a bar.
    is_drawn: bool,
    /// Whether a running server uses the target.
    pub(super) switched: bool,
}

impl Mover {
    pub(super) fn new(console: Console, server: Server) -> Self {
        Self {
            console,
            begun: clock::now(),
            server,
            step: "",
            is_drawn: false,
            switched: false,
        }
    }

    /// Ends the line of the bar.
    pub(super) fn end_line(&mut self) {
        if self.is_drawn {
            self.is_drawn = false;
            draw("\n");
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
            self.end_line();
        }
        self.is_drawn = true;
        let seconds = (clock::now() - self.begun).as_secs();
        draw(&format!(
            "\r\x1b[K{}{progress} ({seconds} s)",
            bar(progress)
        ));
    }
}

fn bar(progress: &MoveProgress) -> String {
    let Some(of) = progress.of.filter(|of| *of > 0) else {
        return String::new();
    };
    let filled = (progress.rows.min(of) * BAR / of).min(BAR);
    let bar = (0..BAR).map(|at| if at < filled { '█' } else { '░' });
    format!("{} ", bar.collect::<String>())
}

fn draw(text: &str) {
    let mut output = io::stderr().lock();
    // A bar that cannot be drawn is not needed.
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
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
