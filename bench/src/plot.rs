//! Draws the figures as bars, in one self-contained SVG file.

use crate::{finding::Finding, table::figure};

/// Sizes in pixels.
const WIDTH: f64 = 860.0;
const BARS_FROM: f64 = 330.0;
const LONGEST_BAR: f64 = 420.0;
const BAR_HEIGHT: f64 = 16.0;
const LINE_HEIGHT: f64 = 24.0;
const TITLE_HEIGHT: f64 = 30.0;
const MARGIN: f64 = 20.0;

/// Bars of one quantity.
#[derive(Debug)]
pub(crate) struct Chart {
    title: String,
    unit: &'static str,
    bars: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    name: String,
    /// `None` if nothing was measured.
    value: Option<f64>,
}

impl Chart {
    /// A chart without bars.
    pub(crate) fn new(title: &str, unit: &'static str) -> Self {
        Self {
            title: title.to_owned(),
            unit,
            bars: Vec::new(),
        }
    }

    /// Adds a bar, or the note that there is none.
    pub(crate) fn add<T>(
        &mut self,
        name: &str,
        finding: &Finding<T>,
        value: impl FnOnce(&T) -> f64,
    ) {
        self.bars.push(Bar {
            name: name.to_owned(),
            value: finding.measured().map(value),
        });
    }

    fn height(&self) -> f64 {
        let lines = self.bars.iter().map(|_| LINE_HEIGHT);
        TITLE_HEIGHT + lines.sum::<f64>() + MARGIN
    }

    fn draw(&self, svg: &mut String, top: f64) {
        let title = format!("{} ({})", self.title, self.unit);
        text(svg, MARGIN, top + 18.0, "title", &title);
        let values = self.bars.iter().filter_map(|bar| bar.value);
        let largest = values.fold(f64::MIN_POSITIVE, f64::max);
        let mut y = top + TITLE_HEIGHT;
        for bar in &self.bars {
            bar.draw(svg, y, largest);
            y += LINE_HEIGHT;
        }
    }
}

impl Bar {
    fn draw(&self, svg: &mut String, y: f64, largest: f64) {
        let base = y + 13.0;
        text(svg, BARS_FROM - 10.0, base, "name", &self.name);
        let Some(value) = self.value else {
            return text(svg, BARS_FROM, base, "value", "not measured");
        };
        let width = value / largest * LONGEST_BAR;
        let class = if self.name.starts_with("terrace") {
            "terrace"
        } else {
            "peer"
        };
        add(
            svg,
            &format!(
                r#"<rect class="{class}" x="{BARS_FROM}" y="{y:.1}" width="{width:.1}" height="{BAR_HEIGHT}"/>"#
            ),
        );
        text(svg, BARS_FROM + width + 6.0, base, "value", &figure(value));
    }
}

/// All charts below each other.
pub(crate) fn svg(charts: &[Chart]) -> String {
    let height = MARGIN + charts.iter().map(Chart::height).sum::<f64>();
    let mut svg = String::new();
    add(
        &mut svg,
        &format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">"#
        ),
    );
    add(&mut svg, STYLE);
    add(
        &mut svg,
        r#"<rect class="page" width="100%" height="100%"/>"#,
    );
    let mut top = MARGIN;
    for chart in charts {
        chart.draw(&mut svg, top);
        top += chart.height();
    }
    add(&mut svg, "</svg>");
    svg
}

const STYLE: &str = "<style>
  text { font: 13px system-ui, sans-serif; fill: #1c2430 }
  .title { font-weight: 600; font-size: 15px }
  .name { text-anchor: end }
  .page { fill: #fff }
  .terrace { fill: #c4501b }
  .peer { fill: #8a97a8 }
</style>";

fn text(svg: &mut String, x: f64, y: f64, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    add(
        svg,
        &format!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{content}</text>"#),
    );
}

fn add(svg: &mut String, line: &str) {
    svg.push_str(line);
    svg.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_bar_is_the_largest_value() {
        let mut chart = Chart::new("hello", "requests/s");
        chart.add("terrace", &Finding::Measured(50.0), |value| *value);
        chart.add("nginx", &Finding::Measured(100.0), |value| *value);
        let svg = svg(&[chart]);
        assert!(svg.contains(r#"width="210.0""#) && svg.contains(r#"width="420.0""#));
    }

    #[test]
    fn contestant_that_was_not_measured_is_still_named() {
        let mut chart = Chart::new("a < b", "ms");
        chart.add("workerd", &Finding::<f64>::Missing("no".into()), |value| {
            *value
        });
        let svg = svg(&[chart]);
        assert!(
            svg.contains("workerd") && svg.contains("not measured") && svg.contains("a &lt; b")
        );
    }
}
