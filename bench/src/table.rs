//! Tables for a terminal: names on the left, figures on the right, and a reason if there is no figure.

use std::fmt;

use crate::{finding::Finding, memory::in_mebibytes};

/// A title, a header and rows.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    header: Vec<String>,
    rows: Vec<(String, Cells)>,
}

#[derive(Debug)]
enum Cells {
    Figures(Vec<String>),
    Sentence(String),
}

impl Table {
    /// A table without rows. The column of names has no header.
    pub(crate) fn new(title: &str, header: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            header: header.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: its figures, or the reason why it has none.
    pub(crate) fn add<T>(
        &mut self,
        name: &str,
        finding: &Finding<T>,
        cells: impl FnOnce(&T) -> Vec<String>,
    ) {
        let cells = match (finding.measured(), finding.reason()) {
            (Some(measured), _) => Cells::Figures(cells(measured)),
            (None, reason) => Cells::Sentence(reason.unwrap_or_default()),
        };
        self.rows.push((name.to_owned(), cells));
    }

    /// The width of the column of names, and of each other one.
    fn widths(&self) -> (usize, Vec<usize>) {
        let name = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let mut widths: Vec<usize> = self
            .header
            .iter()
            .map(|cell| cell.chars().count())
            .collect();
        for (_, cells) in &self.rows {
            if let Cells::Figures(figures) = cells {
                for (width, figure) in widths.iter_mut().zip(figures) {
                    *width = figure.chars().count().max(*width);
                }
            }
        }
        (name.unwrap_or(0), widths)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name_width, widths) = self.widths();
        let line = |formatter: &mut fmt::Formatter<'_>, name: &str, cells: &[String]| {
            write!(formatter, "  {name:<name_width$}")?;
            for (width, cell) in widths.iter().zip(cells) {
                write!(formatter, "  {cell:>width$}")?;
            }
            writeln!(formatter)
        };
        writeln!(formatter, "{}", self.title)?;
        line(formatter, "", &self.header)?;
        for (name, cells) in &self.rows {
            match cells {
                Cells::Figures(figures) => line(formatter, name, figures)?,
                Cells::Sentence(sentence) => {
                    writeln!(formatter, "  {name:<name_width$}  {sentence}")?;
                }
            }
        }
        Ok(())
    }
}

/// A whole number with grouped digits.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure rounded to a sensible number of digits.
pub(crate) fn figure(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        count(value)
    }
}

/// A number of KiB, in MiB.
pub(crate) fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1}", in_mebibytes(kibibytes))
}

/// A quotient.
pub(crate) fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_in_columns_and_reasons_in_sentences() {
        let mut table = Table::new("hello", &["requests/s", "ms"]);
        table.add("terrace", &Finding::Measured(1), |_| {
            vec!["42,000".into(), "0.71".into()]
        });
        let missing = Finding::<u8>::Missing("workerd is not installed".into());
        table.add("workerd", &missing, |_| Vec::new());
        let expected = "hello\n           requests/s    ms\n  terrace      42,000  0.71\n  workerd  missing: workerd is not installed\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn numbers_are_as_exact_as_they_are_worth() {
        assert_eq!(
            [999.0, 1000.4, 1_234_567.0].map(count),
            ["999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.714, 12.34, 1234.5].map(figure),
            ["0.71", "12.3", "1,234"]
        );
        assert_eq!(mebibytes(1536), "1.5");
    }
}
