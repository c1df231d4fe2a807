//! `terrace check`. Finding the faults is left to `serving`, and those of the queries of a server to that server.

use std::net::SocketAddr;

use http::Request;

use super::admin;
use super::arguments::{CheckArguments, CheckedTarget};
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::advice::{Report, SHAPES_PATH};
use crate::fault::{Fault, Faults, Reason};

/// Reports all faults of an app at once.
pub(crate) fn run(arguments: &CheckArguments, console: Console) -> Result<(), CommandError> {
    let is_portable = arguments.portable || arguments.from_admin.is_some();
    let found = crate::serving::check(&arguments.options(), is_portable, arguments.nodes);
    let (app, mut faults) = match found {
        Ok(app) => (Some(app), Faults::default()),
        Err(faults) => (None, faults),
    };
    let mut queries = None;
    if let Some(address) = arguments.from_admin {
        let (number, found) = portable(address)?;
        queries = Some(number);
        faults.0.extend(found.0);
    }
    let Some(app) = faults.or(app)? else {
        return Ok(());
    };
    if arguments.target == Some(CheckedTarget::Spin) {
        app.check_on_spin()?;
    }
    console.tell(&Event::Fine {
        manifest: &app.manifest,
        components: app.components.len(),
        routes: app.routes().count(),
        queries,
    });
    Ok(())
}

/// The number of queries of a server, and those that are not portable.
fn portable(address: SocketAddr) -> Result<(usize, Faults), CommandError> {
    let report: Report = admin::call(address, Request::get(SHAPES_PATH), Vec::new())?;
    let mut faults = Faults::default();
    let shapes = report
        .databases
        .iter()
        .map(|database| database.shapes.len());
    let number = shapes.sum();
    for database in report.databases {
        for shape in database.shapes {
            let Some(found) = shape.not_portable else {
                continue;
            };
            let mut reason =
                Reason::new(format!("not portable: {}: {}", found.reason, shape.query));
            reason.suggestion = found.instead.map(|instead| format!("write {instead}"));
            let component = shape.component.unwrap_or_default();
            let name = format!("queries of {component} ({})", database.label);
            faults.0.push(Fault::new(name, reason));
        }
    }
    Ok((number, faults))
}
