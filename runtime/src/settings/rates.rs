//! `rate` of `[limits]`: how many requests each client may send, in all, to a route and to a component.

use std::time::Duration;

use crate::document::{Table, Value};
use crate::fault::{Position, Reason};
use crate::limits::{MAX_RATE_REQUESTS, MIN_RATE_PERIOD_MICROSECONDS};
use crate::router::RoutePattern;

const HELP: &str = "write a number of requests and a time: `\"100/s\"`, `\"20/m\"` or `\"1000/h\"`";

/// The rate limits, each for every client by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// On all requests.
    pub client: Option<Quota>,
    /// On the requests to a route.
    pub routes: Vec<(RoutePattern, Quota)>,
    /// On the requests to a component, by its id, with the place of that.
    pub components: Vec<(String, Quota, Position)>,
}

/// How many requests may come in a time, also all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The requests.
    pub requests: u32,
    /// The time.
    pub window: Duration,
}

impl Rates {
    /// Whether there is no limit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.client.is_none() && self.routes.is_empty() && self.components.is_empty()
    }
}

/// The rate limits of `[limits]`: `rate = "100/s"` for all requests of a client, or a table.
pub(super) fn rates(limits: &Table<'_>) -> Rates {
    let Some(rate) = limits.get("rate") else {
        return Rates::default();
    };
    if !rate.is_table() {
        return Rates {
            client: rate.parsed(quota),
            ..Rates::default()
        };
    }
    let Some(table) = rate.table("[limits.rate]") else {
        return Rates::default();
    };
    let routes = entries(table.table("routes", "[limits.rate.routes]"));
    let components = entries(table.table("components", "[limits.rate.components]"));
    let rates = Rates {
        client: table.parsed("client", quota),
        routes: routes.iter().filter_map(route).collect(),
        components: components.iter().filter_map(component).collect(),
    };
    table.finish();
    rates
}

fn entries<'d>(table: Option<Table<'d>>) -> Vec<Value<'d>> {
    table.map(|table| table.entries()).unwrap_or_default()
}

fn route(entry: &Value<'_>) -> Option<(RoutePattern, Quota)> {
    let pattern = RoutePattern::parse(entry.key());
    let pattern = pattern.map_err(|reason| entry.report_key(reason));
    Some((pattern.ok()?, entry.parsed(quota)?))
}

fn component(entry: &Value<'_>) -> Option<(String, Quota, Position)> {
    let quota = entry.parsed(quota)?;
    Some((entry.key().to_owned(), quota, entry.key_position()))
}

fn quota(text: &str) -> Result<Quota, Reason> {
    let wrong = || Reason::new(format!("`{text}` is not a rate")).help(HELP);
    let (requests, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let requests: u32 = requests.trim().parse().map_err(|_| wrong())?;
    let fits = u64::from(requests) * MIN_RATE_PERIOD_MICROSECONDS <= seconds * 1_000_000;
    if requests == 0 || u64::from(requests) > MAX_RATE_REQUESTS || !fits {
        let what = format!("`{text}` is outside of what rate limits count");
        let help =
            format!("write from 1 to {MAX_RATE_REQUESTS} requests, and at most 100000 per second");
        return Err(Reason::new(what).help(help));
    }
    Ok(Quota {
        requests,
        window: Duration::from_secs(seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_requests_in_a_time() {
        let read = |text| quota(text).map(|quota| (quota.requests, quota.window.as_secs()));
        assert_eq!(read("100/s"), Ok((100, 1)));
        assert_eq!(read("5 / m"), Ok((5, 60)));
        assert_eq!(read("1000000/h"), Ok((1_000_000, 3_600)));
        for wrong in [
            "",
            "5",
            "/s",
            "-1/s",
            "1.5/s",
            "5/d",
            "0/s",
            "100001/s",
            "1000001/h",
        ] {
            let reason = quota(wrong).unwrap_err();
            assert!(reason.suggestion.is_some(), "{wrong}");
        }
    }
}
