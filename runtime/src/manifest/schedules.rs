//! Reads `[[component.ID.tool.terrace.schedules]]`: when a component is called by the clock.

use super::App;
use super::name::check_schedule;
use crate::document::{Table, Value};
use crate::fault::{Position, Reason};
use crate::limits::MAX_SCHEDULES;
use crate::schedule::{Rule, cron, zone};

/// When a component is called by the clock.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name, which no other one of its component has.
    pub name: String,
    /// The times.
    pub rule: Rule,
    /// What becomes of times at which no server ran.
    pub missed: Missed,
    /// Its place in the manifest.
    pub position: Position,
}

/// What becomes of times at which no server ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// The component is called once for all of them, as soon as a server runs.
    CatchUp,
    /// Nothing.
    Skip,
}

impl App {
    /// The schedules of all components, each with the component's identifier.
    pub fn schedules(&self) -> impl Iterator<Item = (&str, &Schedule)> {
        let components = self.components.iter();
        components.flat_map(|component| {
            let schedules = component.schedules.iter();
            schedules.map(|schedule| (&*component.id, schedule))
        })
    }
}

/// The schedules of a component, in the order of the manifest.
pub(super) fn schedules(id: &str, tool: &Table<'_>) -> Vec<Schedule> {
    let Some(list) = tool.get("schedules") else {
        return Vec::new();
    };
    let entries = list.list().unwrap_or_default();
    if entries.len() > MAX_SCHEDULES {
        let what = format!("a component has at most {MAX_SCHEDULES} schedules");
        list.report(Reason::new(what).help("give some of them to another component"));
    }
    let mut read: Vec<Schedule> = Vec::new();
    for entry in entries {
        let name = format!("[[component.{id}.tool.terrace.schedules]]");
        let Some(table) = entry.table(name) else {
            continue;
        };
        if let Some(schedule) = one(&table, &entry, &read) {
            read.push(schedule);
        }
    }
    read
}

fn one(table: &Table<'_>, entry: &Value<'_>, earlier: &[Schedule]) -> Option<Schedule> {
    let name = table.required("name", "add `name = \"daily\"`");
    let name = name.and_then(|value| {
        value.parsed(|text| {
            check_schedule(text)?;
            if earlier.iter().any(|earlier| earlier.name == text) {
                let what = format!("two schedules of one component are called `{text}`");
                return Err(Reason::new(what).help("give each a name of its own"));
            }
            Ok(text.to_owned())
        })
    });
    let line = table.required(
        "cron",
        "add `cron = \"0 7 * * *\"`, which is every day at seven",
    );
    let timezone = match table.get("timezone") {
        Some(value) => value.parsed(zone),
        None => Some(jiff::tz::TimeZone::UTC),
    };
    let missed = table.parsed("missed", missed).unwrap_or(Missed::CatchUp);
    let rule = line.and_then(|line| {
        let cron = line.parsed(cron)?;
        let zone = timezone?;
        line.parsed(|_| Rule::new(cron.clone(), zone.clone()))
    });
    table.finish();
    Some(Schedule {
        name: name?,
        rule: rule?,
        missed,
        position: entry.position(),
    })
}

fn missed(text: &str) -> Result<Missed, Reason> {
    crate::fault::choice(
        text,
        &[("catch-up", Missed::CatchUp), ("skip", Missed::Skip)],
    )
}
