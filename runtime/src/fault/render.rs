//! Faults as text: a line that tools can read, the source line with a mark under it, and the suggestion.
//! Whether there is colour is the caller's decision, who knows if a terminal reads it.

use std::fmt;

use super::{Fault, Faults, Position};

/// How faults are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without escape sequences, for files and pipes.
    Plain,
    /// With ANSI colours, for terminals.
    Coloured,
}

impl Style {
    /// The escape sequence in this style: nothing when plain.
    fn code(self, sequence: &'static str) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Coloured => sequence,
        }
    }
}

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const GREEN: &str = "\x1b[1;32m";
const RESET: &str = "\x1b[0m";

/// Faults that are ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct Styled<'f> {
    faults: &'f Faults,
    style: Style,
}

impl<'f> Styled<'f> {
    pub(super) fn new(faults: &'f Faults, style: Style) -> Self {
        Self { faults, style }
    }
}

impl fmt::Display for Styled<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write_fault(formatter, fault, self.style)?;
        }
        Ok(())
    }
}

fn write_fault(formatter: &mut fmt::Formatter<'_>, fault: &Fault, style: Style) -> fmt::Result {
    let (bold, green, reset) = (style.code(BOLD), style.code(GREEN), style.code(RESET));
    let place = place(fault);
    write!(formatter, "{bold}{place}: {}{reset}", fault.message)?;
    let shown = |position: &&Position| !position.excerpt.is_empty();
    if let Some(position) = fault.position.as_ref().filter(shown) {
        write_excerpt(formatter, position, style)?;
    }
    match &fault.suggestion {
        Some(suggestion) => write!(formatter, "\n    {green}help:{reset} {suggestion}"),
        None => Ok(()),
    }
}

/// `file:line:column`, or the file alone.
fn place(fault: &Fault) -> String {
    let file = fault.file.display();
    match &fault.position {
        Some(Position { line, column, .. }) => format!("{file}:{line}:{column}"),
        None => file.to_string(),
    }
}

fn write_excerpt(
    formatter: &mut fmt::Formatter<'_>,
    position: &Position,
    style: Style,
) -> fmt::Result {
    let (blue, red, reset) = (style.code(BLUE), style.code(RED), style.code(RESET));
    let number = position.line.to_string();
    let margin = " ".repeat(number.len());
    let marks = "^".repeat(position.width);
    let indent = indent(position);
    // Control characters of a hostile file must not reach the terminal.
    let excerpt: String = position.excerpt.chars().map(visible).collect();
    write!(formatter, "\n  {blue}{number} |{reset} {excerpt}")?;
    write!(
        formatter,
        "\n  {blue}{margin} |{reset} {indent}{red}{marks}{reset}"
    )
}

/// White space as wide as what stands before the place: tabs stay tabs.
fn indent(position: &Position) -> String {
    position
        .excerpt
        .chars()
        .take(position.column - 1)
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect()
}

fn visible(character: char) -> char {
    match character {
        '\t' => '\t',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}
