//! The valid names of components and labels.

use crate::fault::Reason;
use crate::limits::MAX_QUEUE_NAME_BYTES;

/// Component identifiers are parts of host names: words of letters and digits joined by `-`.
pub(super) fn check_component(id: &str) -> Result<(), Reason> {
    let letter_first = id.starts_with(|first: char| first.is_ascii_alphabetic());
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if letter_first && id.split('-').all(word) {
        return Ok(());
    }
    let help = "identifiers are words of letters and digits joined by `-`, such as `user-api`";
    Err(Reason::new(format!("`{id}` cannot be a component's identifier")).help(help))
}

/// Labels of stores: words of letters and digits joined by `-` or `_`.
pub(crate) fn check_label(label: &str) -> Result<(), Reason> {
    let letter_first = label.starts_with(|first: char| first.is_ascii_alphabetic());
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if letter_first && label.split(['-', '_']).all(word) {
        return Ok(());
    }
    let help = "labels are words of letters and digits joined by `-` or `_`, such as `default`";
    Err(Reason::new(format!("`{label}` cannot be a label")).help(help))
}

/// Queues are labels of host names: lower-case letters and digits joined by `-`.
pub(super) fn check_queue(name: &str) -> Result<(), Reason> {
    check_label_of_host(name, "queue", "mail")
}

/// Schedules have names like those of queues.
pub(super) fn check_schedule(name: &str) -> Result<(), Reason> {
    check_label_of_host(name, "schedule", "daily-digest")
}

fn check_label_of_host(name: &str, kind: &str, example: &str) -> Result<(), Reason> {
    let word = |word: &str| {
        let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !word.is_empty() && word.bytes().all(is_valid)
    };
    if name.len() <= MAX_QUEUE_NAME_BYTES && name.split('-').all(word) {
        return Ok(());
    }
    let help = format!(
        "names of {kind}s are words of lower-case letters and digits joined by `-`, at most {MAX_QUEUE_NAME_BYTES} bytes, such as `{example}`"
    );
    Err(Reason::new(format!("`{name}` cannot be the name of a {kind}")).help(help))
}
