//! The outcome of a measurement: a figure, or the reason why there is none. Nothing is left out silently.

use serde::Serialize;

use crate::{Outcome, contestant::Contestant};

/// The outcome of measuring one thing.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finding<T> {
    /// It was measured.
    Measured(T),
    /// It was not tried, because a program is missing.
    Missing(String),
    /// It was tried and failed, with the reason.
    Failed(String),
}

/// One line of a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row<T> {
    /// The contestant.
    pub(crate) name: String,
    /// Its outcome.
    #[serde(flatten)]
    pub(crate) finding: Finding<T>,
}

impl<T> Finding<T> {
    /// The outcome of one try.
    pub(crate) fn of(outcome: Outcome<T>) -> Self {
        outcome.map_or_else(|error| Self::Failed(error.to_string()), Self::Measured)
    }

    pub(crate) fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(measured) => Some(measured),
            Self::Missing(_) | Self::Failed(_) => None,
        }
    }

    /// Why there is no figure.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Measured(_) => None,
            Self::Missing(reason) => Some(format!("missing: {reason}")),
            Self::Failed(reason) => Some(format!("failed: {reason}")),
        }
    }
}

/// The measurements of one contestant, round by round. After a failure there are no more.
pub(crate) struct Series<T> {
    /// Either the samples so far, or why there will be none.
    state: Finding<Vec<T>>,
}

impl<T> Series<T> {
    /// Before the first round.
    pub(crate) fn of(contestant: &Contestant) -> Self {
        let state = match &contestant.program {
            Ok(_) => Finding::Measured(Vec::new()),
            Err(reason) => Finding::Missing(reason.clone()),
        };
        Self { state }
    }

    /// Whether another round makes sense.
    pub(crate) fn goes_on(&self) -> bool {
        self.state.measured().is_some()
    }

    /// Records the outcome of a round, and prints it if it failed.
    pub(crate) fn note(&mut self, name: &str, outcome: Outcome<T>) {
        match (outcome, &mut self.state) {
            (Ok(sample), Finding::Measured(samples)) => samples.push(sample),
            (Ok(_), Finding::Missing(_) | Finding::Failed(_)) => {}
            (Err(error), state) => {
                eprintln!("  {name}: {error}");
                *state = Finding::Failed(error.to_string());
            }
        }
    }

    /// The summary of its samples.
    pub(crate) fn conclude<S>(self, summarise: impl FnOnce(&[T]) -> Option<S>) -> Finding<S> {
        match self.state {
            Finding::Measured(samples) => summarise(&samples).map_or_else(
                || Finding::Failed("no round was made".to_owned()),
                Finding::Measured,
            ),
            Finding::Missing(reason) => Finding::Missing(reason),
            Finding::Failed(reason) => Finding::Failed(reason),
        }
    }
}

/// Measures every contestant in every round: A B C, A B C, and so on. So a disturbance of the machine affects all of them.
pub(crate) async fn in_rounds<T, S>(
    title: &str,
    contestants: &[Contestant],
    rounds: u32,
    mut take_turn: impl AsyncFnMut(&Contestant) -> Outcome<T>,
    summarise: impl Fn(&[T], &Contestant) -> Option<S>,
) -> Vec<Row<S>> {
    let mut series: Vec<_> = contestants.iter().map(Series::of).collect();
    for round in 1..=rounds {
        for (contestant, series) in contestants.iter().zip(&mut series) {
            if series.goes_on() {
                let name = &contestant.name;
                eprintln!("{title}: round {round} of {rounds}, {name}");
                series.note(name, take_turn(contestant).await);
            }
        }
    }
    let rows = contestants.iter().zip(series);
    let rows = rows.map(|(contestant, series)| Row {
        name: contestant.name.clone(),
        finding: series.conclude(|samples| summarise(samples, contestant)),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::contestant::Kind;

    fn contestant(program: Result<PathBuf, String>) -> Contestant {
        Contestant {
            name: "peer".to_owned(),
            program,
            kind: Kind::Nginx,
            folder: PathBuf::new(),
            path: "/",
            expects: "",
            aim: None,
        }
    }

    #[test]
    fn missing_program_is_a_finding() {
        let series = Series::<f64>::of(&contestant(Err("not there".to_owned())));
        assert!(!series.goes_on());
        let finding = series.conclude(|samples| samples.first().copied());
        assert_eq!(finding.reason().unwrap(), "missing: not there");
    }

    #[test]
    fn one_failed_round_ends_the_series() {
        let mut series = Series::of(&contestant(Ok(PathBuf::new())));
        series.note("peer", Ok(1.0));
        series.note("peer", Err("3 errors".into()));
        series.note("peer", Ok(2.0));
        assert!(!series.goes_on());
        let finding = series.conclude(|samples| samples.first().copied());
        assert_eq!(finding.reason().unwrap(), "failed: 3 errors");
    }
}
