//! Draws hit ratios as groups of bars, in one self-contained SVG file.

use std::fmt::Write as _;

use crate::policies::NAMES;

/// Sizes in pixels.
const PANEL_WIDTH: usize = 260;
const PANEL_HEIGHT: usize = 190;
const CHART_HEIGHT: f64 = 130.0;
const BAR_WIDTH: usize = 13;
const GROUP_GAP: usize = 14;
const COLUMNS: usize = 4;
const LEGEND_HEIGHT: usize = 36;

const COLOURS: [&str; 4] = ["#c4501b", "#c9ced6", "#8a97a8", "#5b6b80"];

/// The bars of one trace.
#[derive(Debug)]
pub(crate) struct Panel {
    title: String,
    groups: Vec<(String, Vec<f64>)>,
}

impl Panel {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            groups: Vec::new(),
        }
    }

    /// Adds the ratios, in per cent, for one size of the cache.
    pub(crate) fn add(&mut self, name: &str, ratios: &[f64]) {
        self.groups.push((name.to_owned(), ratios.to_vec()));
    }

    fn draw(&self, svg: &mut String, left: usize, top: usize) {
        text(svg, left, top + 16, "title", &self.title);
        let base = top as f64 + 26.0 + CHART_HEIGHT;
        let mut x = left;
        for (name, ratios) in &self.groups {
            text(svg, x, top + 26 + 146, "name", name);
            for (ratio, colour) in ratios.iter().zip(COLOURS) {
                let height = ratio / 100.0 * CHART_HEIGHT;
                let y = base - height;
                let _ = writeln!(
                    svg,
                    r#"<rect x="{x}" y="{y:.1}" width="{}" height="{height:.1}" fill="{colour}"><title>{ratio:.2}</title></rect>"#,
                    BAR_WIDTH - 1
                );
                x += BAR_WIDTH;
            }
            x += GROUP_GAP;
        }
    }
}

/// All panels in rows, under a legend.
pub(crate) fn svg(panels: &[Panel]) -> String {
    let width = COLUMNS * PANEL_WIDTH + 20;
    let height = LEGEND_HEIGHT + panels.len().div_ceil(COLUMNS) * PANEL_HEIGHT;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>text {{ font: 12px system-ui, sans-serif; fill: #1c2430 }} .title {{ font-weight: 600 }}</style>
<rect width="100%" height="100%" fill="#fff"/>
"##
    );
    for (place, (name, colour)) in NAMES.iter().zip(COLOURS).enumerate() {
        let x = 20 + place * 180;
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="10" width="12" height="12" fill="{colour}"/>"#
        );
        text(&mut svg, x + 18, 20, "name", name);
    }
    for (place, panel) in panels.iter().enumerate() {
        let left = 20 + place % COLUMNS * PANEL_WIDTH;
        panel.draw(
            &mut svg,
            left,
            LEGEND_HEIGHT + place / COLUMNS * PANEL_HEIGHT,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, x: usize, y: usize, class: &str, content: &str) {
    let _ = writeln!(
        svg,
        r#"<text class="{class}" x="{x}" y="{y}">{content}</text>"#
    );
}
