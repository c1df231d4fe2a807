//! The components that a command is about.

use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::manifest::{App, Component};

/// The components of those identifiers, which the user gave as the argument `name`; all if there are none.
pub(crate) fn components<'a>(
    app: &'a App,
    name: &str,
    ids: &[String],
) -> Result<Vec<&'a Component>, Faults> {
    if ids.is_empty() {
        return Ok(app.components.iter().collect());
    }
    ids.iter().try_for_each(|id| known(app, name, id))?;
    let chosen = |component: &&Component| ids.contains(&component.id);
    Ok(app.components.iter().filter(chosen).collect())
}

fn known(app: &App, name: &str, id: &str) -> Result<(), Faults> {
    if app.component(id).is_some() {
        return Ok(());
    }
    let known: Vec<_> = app
        .components
        .iter()
        .map(|known| known.id.as_str())
        .collect();
    let reason = Reason::new(format!("there is no component `{id}`"));
    let reason = reason.help(did_you_mean(id, &known, "components"));
    Err(Fault::new(name, reason).into())
}
