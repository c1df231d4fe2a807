//! Measures queues: the messages that are accepted and delivered in a second under full load, and at a fifth of that rate the time
//! from the acceptance of a message to its acknowledgement.

mod page;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::time::sleep;

use self::page::Page;
use crate::{
    Outcome,
    contestant::{Contestant, Kind},
    finding::{Finding, Row, in_rounds},
    limits::{DRAIN_POLL_INTERVAL, MAX_DRAIN_TIME, MAX_START_TIME},
    lineup::Compared,
    options::Settings,
    paced::Pace,
    server::Server,
    statistics::Summary,
    table::{Table, count, figure, ratio},
};

/// The aim for the time in which 99 of 100 messages are acknowledged, in milliseconds.
const AIM_OF_LATENCY: f64 = 25.0;

/// The part of Terrace's full rate at which that time is measured.
const PACE: f64 = 0.2;

/// Where messages are sent. Terrace's function sends them on to the queue of that name.
const SEND: &str = "/send/mail";

/// The results on one engine.
#[derive(Serialize)]
pub(crate) struct Queues {
    title: String,
    /// Terrace, and its peer.
    pub(crate) rows: Vec<Row<Rates>>,
}

/// The summary of one contestant's rounds. Rates are in messages a second.
#[derive(Clone, Serialize)]
pub(crate) struct Rates {
    accepted: Summary,
    /// Acknowledged meanwhile.
    delivered: Summary,
    /// The rates of the first contestant, divided by these.
    accepted_ratio: Option<f64>,
    delivered_ratio: Option<f64>,
    /// The aim for both.
    aim: Option<f64>,
    paced: Summary,
    /// At that pace, 99 of 100 messages were acknowledged within this: the upper bound of a bucket.
    p99_milliseconds: Summary,
}

/// One round.
struct Sample {
    accepted: f64,
    delivered: f64,
    paced: f64,
    p99: f64,
}

/// Measures both contestants in every round.
pub(crate) async fn measure(compared: &Compared, settings: &Settings) -> Queues {
    let Compared {
        title, contestants, ..
    } = compared;
    // The peer has the pace of Terrace.
    let mut full = None;
    let take_turn = async |contestant: &Contestant| {
        if let Kind::Terrace = contestant.kind {
            full = None;
        }
        let turn = take_turn(contestant, settings, &compared.script, full).await?;
        full = full.or(Some(turn.accepted));
        Ok(turn)
    };
    let summarise = |samples: &[Sample], of: &Contestant| summarise(samples, of.aim);
    let rows = in_rounds(title, contestants, settings.rounds, take_turn, summarise);
    let mut rows = rows.await;
    compare_with_first(&mut rows);
    Queues {
        title: title.clone(),
        rows,
    }
}

/// Starts a server, and puts the full load on it, then a part of its own full rate or of another one. What was accepted is delivered
/// before the next step, so that no turn has the messages of another one.
async fn take_turn(
    contestant: &Contestant,
    settings: &Settings,
    script: &Path,
    full: Option<f64>,
) -> Outcome<Sample> {
    let server = Server::start(contestant, MAX_START_TIME).await?;
    let figures = match contestant.kind {
        Kind::Terrace => server.admin,
        _ => server.address,
    };
    let page = async || Page::of(figures).await;
    let url = format!("http://{}{SEND}", server.address);
    settings.warm_up().press(&url, script).await?;
    let (began, before) = (Instant::now(), page().await?);
    settings.load().press(&url, script).await?;
    let (elapsed, after) = (began.elapsed().as_secs_f64(), page().await?);
    let accepted = (after.accepted - before.accepted) / elapsed;
    let delivered = (after.acknowledged - before.acknowledged) / elapsed;
    let before = until_delivered(&page).await?;
    let pace = Pace {
        rate: full.unwrap_or(accepted) * PACE,
        connections: settings.connections,
        duration: Duration::from_secs(settings.seconds),
    };
    let paced = pace.send(server.address, SEND).await?;
    let after = until_delivered(&page).await?;
    let p99 = after.p99_milliseconds_since(&before);
    Ok(Sample {
        accepted,
        delivered,
        paced,
        p99: p99.ok_or("no message was acknowledged")?,
    })
}

/// Waits until all accepted messages are acknowledged.
async fn until_delivered(page: &impl AsyncFn() -> Outcome<Page>) -> Outcome<Page> {
    let deadline = Instant::now() + MAX_DRAIN_TIME;
    loop {
        let page = page().await?;
        if page.acknowledged >= page.accepted {
            return Ok(page);
        }
        if Instant::now() > deadline {
            let Page {
                accepted,
                acknowledged,
                ..
            } = page;
            let what = format!("{acknowledged} of {accepted} messages were acknowledged");
            return Err(format!("{what} {MAX_DRAIN_TIME:?} after the load").into());
        }
        sleep(DRAIN_POLL_INTERVAL).await;
    }
}

fn summarise(samples: &[Sample], aim: Option<f64>) -> Option<Rates> {
    let of = |value: fn(&Sample) -> f64| Summary::of(samples.iter().map(value));
    Some(Rates {
        accepted: of(|sample| sample.accepted)?,
        delivered: of(|sample| sample.delivered)?,
        accepted_ratio: None,
        delivered_ratio: None,
        aim,
        paced: of(|sample| sample.paced)?,
        p99_milliseconds: of(|sample| sample.p99)?,
    })
}

fn compare_with_first(rows: &mut [Row<Rates>]) {
    let Some(first) = rows.first().and_then(|row| row.finding.measured()).cloned() else {
        return;
    };
    for row in rows.iter_mut().skip(1) {
        if let Finding::Measured(rates) = &mut row.finding {
            rates.accepted_ratio = Some(first.accepted.median / rates.accepted.median);
            rates.delivered_ratio = Some(first.delivered.median / rates.delivered.median);
        }
    }
}

impl Queues {
    /// For the terminal.
    pub(crate) fn table(&self) -> Table {
        let header = [
            "accepted/s",
            "least",
            "most",
            "terrace ÷ this",
            "delivered/s",
            "least",
            "most",
            "terrace ÷ this",
            "aim",
            "at a pace of",
            "p99 ms ≤",
            "aim",
        ];
        let mut table = Table::new(&self.title, &header);
        for row in &self.rows {
            table.add(&row.name, &row.finding, cells);
        }
        table
    }
}

fn cells(rates: &Rates) -> Vec<String> {
    let range = |summary: &Summary| [summary.median, summary.least, summary.most].map(count);
    let quotient = |quotient: Option<f64>| quotient.map_or_else(String::new, ratio);
    let mut cells = range(&rates.accepted).to_vec();
    cells.push(quotient(rates.accepted_ratio));
    cells.extend(range(&rates.delivered));
    cells.push(quotient(rates.delivered_ratio));
    let at_least = |aim| format!("≥ {}", ratio(aim));
    cells.push(rates.aim.map_or_else(String::new, at_least));
    cells.push(count(rates.paced.median));
    cells.push(figure(rates.p99_milliseconds.median));
    // The peer has the other aim, for the quotients.
    cells.push(match rates.aim {
        None => format!("< {}", count(AIM_OF_LATENCY)),
        Some(_) => String::new(),
    });
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(accepted: f64, delivered: f64) -> Row<Rates> {
        let sample = Sample {
            accepted,
            delivered,
            paced: 100.0,
            p99: 5.0,
        };
        Row {
            name: "a queue".to_owned(),
            finding: Finding::Measured(summarise(&[sample], Some(0.7)).unwrap()),
        }
    }

    #[test]
    fn both_rates_are_compared_with_the_first() {
        let mut rows = [row(900.0, 600.0), row(1000.0, 400.0)];
        compare_with_first(&mut rows);
        let [first, second] = rows.map(|row| row.finding.measured().unwrap().clone());
        assert_eq!(first.accepted_ratio, None);
        assert!((second.accepted_ratio.unwrap() - 0.9).abs() < 1e-9);
        assert!((second.delivered_ratio.unwrap() - 1.5).abs() < 1e-9);
    }
}
