//! Reading the metrics page.

/// A metrics page in the text format of Prometheus.
#[derive(Debug, Clone)]
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of all series of `name` whose labels include all of `labels`, such as `("component", "hello")`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| series(line, name, labels)).sum()
    }
}

fn series(line: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let rest = line
        .strip_prefix(name)
        .filter(|rest| rest.starts_with(['{', ' ']))?;
    let (given, value) = rest.rsplit_once(' ')?;
    let wanted = |(label, value): &(&str, &str)| given.contains(&format!("{label}=\"{value}\""));
    labels.iter().all(wanted).then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_over_the_labels_not_named() {
        let page = Metrics(
            "# TYPE a counter\na{x=\"1\",y=\"1\"} 2\na{x=\"1\",y=\"2\"} 3\nab 9\n".to_owned(),
        );
        assert!((page.sum("a", &[("x", "1")]) - 5.0).abs() < f64::EPSILON);
    }
}
