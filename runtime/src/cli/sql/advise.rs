//! `terrace sql advise`: which queries of a running server hurt.
//! Judging them is left to the server, showing them to [`super::super::advice`].

use http::Request;

use super::super::admin;
use super::super::advice::Shown;
use super::super::arguments::AdviseArguments;
use super::super::console::Console;
use super::super::error::CommandError;
use super::super::event::Event;
use crate::advice::{Report, SHAPES_PATH};
use crate::fault::{Fault, Reason, did_you_mean};

pub(super) fn run(arguments: &AdviseArguments, console: Console) -> Result<(), CommandError> {
    let address = admin::address(&arguments.admin)?;
    let mut report: Report = admin::call(address, Request::get(SHAPES_PATH), Vec::new())?;
    if let Some(label) = &arguments.label {
        let labels = report
            .databases
            .iter()
            .map(|database| database.label.clone());
        let labels: Vec<_> = labels.collect();
        report.databases.retain(|database| database.label == *label);
        if report.databases.is_empty() {
            let known: Vec<_> = labels.iter().map(String::as_str).collect();
            let reason = Reason::new(format!(
                "the server has no database with the label `{label}`"
            ));
            let reason = reason.help(did_you_mean(label, &known, "labels"));
            return Err(CommandError::Faults(Fault::new("--label", reason).into()));
        }
    }
    console.tell(&Event::SqlAdvice(&Shown(report)));
    Ok(())
}
