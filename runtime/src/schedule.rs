//! Owns the rules of schedules: cron in a time zone, and the times that follow from it. Firing is left to `queues`.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::fault::{Reason, nearest};

/// The time zone that every machine knows.
pub const UTC: &str = "UTC";

/// The times at which something happens again and again.
///
/// On the day on which clocks go forward, a time that they leave out is the first one after it, if the rule names hours and minutes;
/// a rule of the kind "every ten minutes" leaves it out too. When clocks go back, a rule that names hours and minutes happens at the
/// first of two such times, and one of the kind "every ten minutes" at both.
#[derive(Clone, Debug)]
pub struct Rule {
    cron: Cron,
    zone: TimeZone,
    text: String,
}

impl Rule {
    /// The times of the machine's zone `zone` that `cron` names.
    ///
    /// # Errors
    /// There are no such times.
    pub fn new(cron: Cron, zone: TimeZone) -> Result<Self, Reason> {
        let name = zone.iana_name().unwrap_or(UTC);
        let text = format!("{} {name}", cron.as_str());
        let rule = Self { cron, zone, text };
        if rule.next(Timestamp::UNIX_EPOCH).is_none() {
            let help = "write a day that comes, such as `0 7 28 2 *`";
            return Err(Reason::new("no time is ever like that").help(help));
        }
        Ok(rule)
    }

    /// The first such time after this one.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp())
    }
}

/// The rule as one line, which is the same for the same rule.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Reads a line of cron: five fields, or six with seconds before them.
///
/// # Errors
/// What is wrong with it.
pub fn cron(text: &str) -> Result<Cron, Reason> {
    let parser = CronParser::builder().year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| {
        let help = "write minute, hour, day, month and weekday, as in `30 7 * * MON-FRI`, or six fields with seconds before them";
        Reason::new(format!("`{text}` is no line of cron: {error}")).help(help)
    })
}

/// The time zone of this name in the machine's list of them.
///
/// # Errors
/// There is none, or the machine has no list.
pub fn zone(text: &str) -> Result<TimeZone, Reason> {
    zone_of(jiff::tz::db(), text)
}

fn zone_of(known: &TimeZoneDatabase, text: &str) -> Result<TimeZone, Reason> {
    if text == UTC {
        return Ok(TimeZone::UTC);
    }
    if let Ok(zone) = known.get(text) {
        return Ok(zone);
    }
    let names: Vec<_> = known.available().collect();
    if names.is_empty() {
        let what = "this machine has no list of time zones";
        let help = "install `tzdata`, which has them in /usr/share/zoneinfo, or leave out `timezone` for UTC";
        return Err(Reason::new(what).help(help));
    }
    let help = match nearest(text, names.iter().map(jiff::tz::TimeZoneName::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            "write one of IANA's names, such as `Europe/Vienna`, or leave it out for UTC".to_owned()
        }
    };
    Err(Reason::new(format!("there is no time zone `{text}`")).help(help))
}

#[cfg(test)]
mod tests;
