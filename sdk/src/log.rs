//! Log lines, which the host stores with the id of the request that wrote them.
//!
//! Each call is one line on standard error, `LEVEL message`, written at once so that lines of concurrent
//! requests never mix.

use std::fmt::Display;

use crate::host;

/// Something that only helps to find a fault.
pub fn debug(message: impl Display) {
    write("DEBUG", &message);
}

/// Something worth knowing that is as it should be.
pub fn info(message: impl Display) {
    write("INFO", &message);
}

/// Something that works but should be looked at.
pub fn warn(message: impl Display) {
    write("WARN", &message);
}

/// Something that failed.
pub fn error(message: impl Display) {
    write("ERROR", &message);
}

/// Line ends are escaped: a message that quotes a request must not be able to forge a line of its own.
fn write(level: &str, message: &dyn Display) {
    let text = message
        .to_string()
        .replace('\r', "\\r")
        .replace('\n', "\\n");
    host::write_log(&format!("{level} {text}\n"));
}
