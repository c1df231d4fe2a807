//! Log lines. The host logs them with the id of the request that wrote them.
//!
//! Each call writes one line to standard error, `LEVEL message`, in one piece, so lines of concurrent requests never mix.

use std::fmt::Display;

use crate::host;

/// Logs something that only helps to find a bug.
pub fn debug(message: impl Display) {
    write("DEBUG", &message);
}

/// Logs something normal that is worth knowing.
pub fn info(message: impl Display) {
    write("INFO", &message);
}

/// Logs something that works but needs attention.
pub fn warn(message: impl Display) {
    write("WARN", &message);
}

/// Logs a failure.
pub fn error(message: impl Display) {
    write("ERROR", &message);
}

/// Escapes line ends, so that a message with text from a request cannot forge a line.
fn write(level: &str, message: &dyn Display) {
    let text = message
        .to_string()
        .replace('\r', "\\r")
        .replace('\n', "\\n");
    host::write_log(&format!("{level} {text}\n"));
}
