//! Summarises several measurements of one quantity.

use serde::Serialize;

/// Several measurements of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The median; of an even number, the mean of the middle two.
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// Summarises at least one measurement.
    pub(crate) fn of(measured: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = measured.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.get(sorted.len() / 2)?;
        let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
        Some(Self {
            median: f64::midpoint(*lower, *upper),
            least: *sorted.first()?,
            most: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    fn check(measured: &[f64], expected: Option<[f64; 3]>) {
        let summary = Summary::of(measured.iter().copied());
        let expected = expected.map(|[median, least, most]| Summary {
            median,
            least,
            most,
        });
        assert_eq!(summary, expected);
    }

    #[test]
    fn median_is_the_middle_whatever_the_order() {
        check(&[9.0, 1.0, 2.0], Some([2.0, 1.0, 9.0]));
        check(&[4.0, 1.0, 2.0, 9.0], Some([3.0, 1.0, 9.0]));
        check(&[5.0], Some([5.0, 5.0, 5.0]));
        check(&[], None);
    }
}
