//! A bar on a terminal that shows how far something is. Whether there is a terminal is left to its callers.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Instant;

use crate::clock;

/// The width of the bar, in characters.
const WIDTH: u64 = 30;

/// One bar after the other, each in a line of its own.
pub(super) struct Bar {
    begun: Instant,
    /// Whether the cursor is behind a bar.
    is_drawn: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self {
            begun: clock::now(),
            is_drawn: false,
        }
    }

    /// When the work began.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Draws the bar in the place of the last one. Without a total there is only the text.
    pub(super) fn draw(&mut self, done: u64, total: Option<u64>, text: impl Display) {
        self.is_drawn = true;
        let seconds = (clock::now() - self.begun).as_secs();
        draw(&format!(
            "\r\x1b[K{}{text} ({seconds} s)",
            blocks(done, total)
        ));
    }

    /// Ends the line of the bar.
    pub(super) fn end_line(&mut self) {
        if self.is_drawn {
            self.is_drawn = false;
            draw("\n");
        }
    }
}

fn blocks(done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else {
        return String::new();
    };
    let filled = u128::from(done.min(total)) * u128::from(WIDTH) / u128::from(total);
    let blocks = (0..u128::from(WIDTH)).map(|at| if at < filled { '█' } else { '░' });
    format!("{} ", blocks.collect::<String>())
}

fn draw(text: &str) {
    let mut output = io::stderr().lock();
    // A bar that cannot be drawn is not needed.
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
}
