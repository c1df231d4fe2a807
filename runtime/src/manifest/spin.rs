//! Finds what an app asks of Terrace that Spin, which reads the same manifest, does not have. Spin itself ignores it.

use super::{App, Component, Subscription};
use crate::fault::{Fault, Faults, Position, Reason};
use crate::grants::QUEUE_DOMAIN;

/// What is missing, and its place if the manifest has one for it.
type Missing<'a> = (Option<&'a Position>, String);

/// What to do in any case.
const HELP: &str = "serve the app with `terrace up`, or do without it on Spin";

impl App {
    /// What the app would lack on Spin: it has no queues, no outboxes and no schedules.
    ///
    /// # Errors
    /// All that is missing.
    pub fn check_on_spin(&self) -> Result<(), Faults> {
        let missing = self.undelivered().chain(self.unfired());
        let missing = missing.chain(self.not_relayed()).chain(self.not_sent());
        let fault = |(position, what): Missing<'_>| {
            let fault = Fault::new(&self.manifest, Reason::new(what).help(HELP));
            match position {
                Some(position) => fault.at(position.clone()),
                None => fault,
            }
        };
        Faults(missing.map(fault).collect()).or(())
    }

    fn undelivered(&self) -> impl Iterator<Item = Missing<'_>> {
        let consumes = self.consumes();
        let of_queues =
            consumes.filter(|of| !matches!(of.subscription, Subscription::Schedules(_)));
        of_queues.map(|of| {
            let queue = of.queue();
            let what = format!("Spin has no queues: nobody delivers the messages of `{queue}`");
            (Some(&of.position), what)
        })
    }

    fn unfired(&self) -> impl Iterator<Item = Missing<'_>> {
        self.schedules().map(|(_, schedule)| {
            let what = format!("Spin has no schedules: nobody fires `{}`", schedule.name);
            (Some(&schedule.position), what)
        })
    }

    fn not_relayed(&self) -> impl Iterator<Item = Missing<'_>> {
        self.outboxes.iter().map(|label| {
            let what = format!(
                "Spin relays no outbox: the events of the database `{label}` stay in their table"
            );
            (None, what)
        })
    }

    fn not_sent(&self) -> impl Iterator<Item = Missing<'_>> {
        let senders = self.components.iter().filter(|component| sends(component));
        senders.map(|component| {
            let what = format!(
                "Spin has no queues: what component `{}` sends to them is an error",
                component.id
            );
            (None, what)
        })
    }
}

/// Whether a component may send messages. The names of queues are no templates.
fn sends(component: &Component) -> bool {
    let mut hosts = component.allowed_outbound_hosts.iter();
    hosts.any(|host| host.is_literal() && host.render(|_| None).contains(QUEUE_DOMAIN))
}
