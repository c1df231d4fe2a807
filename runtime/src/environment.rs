//! Owns every reading of the environment of the process, so that a search for a variable ends here.
//! What the values mean to an app is left to `variables`.

use std::env;
use std::ffi::{OsStr, OsString};

/// All variables, for those of the app among them.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub(crate) fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os()
}

/// One variable that the settings name.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Whether what is written to a terminal, or to something else, should be coloured.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub(crate) fn wants_colour(terminal: bool) -> bool {
    let no_color = env::var_os("NO_COLOR");
    coloured(
        terminal,
        no_color.as_deref(),
        env::var_os("TERM").as_deref(),
    )
}

/// Colours are for terminals that know them. `NO_COLOR` declines them if it is not empty (<https://no-color.org>).
fn coloured(terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    let declined = no_color.is_some_and(|value| !value.is_empty());
    terminal && term.is_some_and(|term| term != "dumb") && !declined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_know_it_unless_it_is_declined() {
        let coloured = |terminal, no_color: Option<&str>, term: Option<&str>| {
            coloured(terminal, no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(coloured(true, None, Some("xterm")));
        assert!(coloured(true, Some(""), Some("xterm")));
        assert!(!coloured(true, Some("1"), Some("xterm")));
        assert!(!coloured(true, None, Some("dumb")));
        assert!(!coloured(true, None, None));
        assert!(!coloured(false, None, Some("xterm")));
    }
}
