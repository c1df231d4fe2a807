//! Draws requests and latency by second, in one self-contained SVG file.

use std::fmt::Write as _;

use crate::figures::Second;

/// Sizes in pixels.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 70.0;
const MARGIN: f64 = 40.0;

const STYLE: &str = "<style>
  text { font: 13px system-ui, sans-serif; fill: #1c2430 }
  .title { font-weight: 600; font-size: 15px }
  .page { fill: #fff }
  .axis { stroke: #8a97a8; stroke-width: 1 }
  .line { fill: none; stroke: #c4501b; stroke-width: 2 }
</style>";

/// Three charts below each other: requests, failures, and the time of the slowest hundredth.
pub(crate) fn svg(seconds: &[Second]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
    let charts = [
        chart("requests per second", seconds, |second| {
            second.requests as f64
        }),
        chart("failures per second", seconds, |second| {
            second.failures as f64
        }),
        chart("p99 in ms, from the intended start", seconds, |second| {
            second.p99
        }),
    ];
    let mut svg = String::new();
    let height = (HEIGHT + MARGIN * 2.0) * 3.0;
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">"#
    );
    svg.push_str(STYLE);
    svg.push_str(r#"<rect class="page" width="100%" height="100%"/>"#);
    let mut top = 0.0;
    for chart in charts {
        let _ = writeln!(svg, r#"<g transform="translate(0 {top})">{chart}</g>"#);
        top += HEIGHT + MARGIN * 2.0;
    }
    svg.push_str("</svg>\n");
    svg
}

fn chart(title: &str, seconds: &[Second], value: impl Fn(&Second) -> f64) -> String {
    let most = seconds.iter().map(&value).fold(1.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a load takes few seconds")]
    let step = (WIDTH - LEFT - MARGIN) / (seconds.len().max(2) - 1) as f64;
    let bottom = MARGIN + HEIGHT;
    let mut points = String::new();
    let mut x = LEFT;
    for second in seconds {
        let y = bottom - value(second) / most * HEIGHT;
        let _ = write!(points, "{x:.1},{y:.1} ");
        x += step;
    }
    let (right, count) = (WIDTH - MARGIN, seconds.len());
    format!(
        r#"<text class="title" x="{LEFT}" y="{}">{title}</text>
<text x="8" y="{}">{most:.0}</text><text x="8" y="{bottom}">0</text>
<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>
<text x="{right}" y="{}" text-anchor="end">{count} s</text>
<polyline class="line" points="{points}"/>"#,
        MARGIN - 14.0,
        MARGIN + 6.0,
        bottom + 18.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_is_at_the_top() {
        let of = |requests| Second {
            requests,
            ..Second::default()
        };
        let svg = svg(&[of(5), of(10)]);
        assert!(svg.contains("70.0,130.0 820.0,40.0 "), "{svg}");
    }
}
