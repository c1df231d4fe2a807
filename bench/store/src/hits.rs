//! Compares hit ratios on synthetic traces with other caches.

use std::fs;

use crate::plot::{self, Panel};
use crate::policies::{self, NAMES};
use crate::trace::{Kind, WORKING_SET, trace};

const EXPONENTS: [f64; 3] = [0.7, 0.9, 1.1];

/// Sizes of the cache, in per cent of the working set.
const SIZES: [usize; 3] = [1, 5, 10];

/// The target: at most so many points behind the best of the others.
const MAX_BEHIND: f64 = 1.0;

/// The file of the plot.
const PLOT: &str = "target/bench/hits.svg";

/// Runs all traces on all caches. Returns whether the store reaches the target in each cell.
pub(crate) fn measure() -> bool {
    println!(
        "| trace | cache | {} | behind the best |",
        NAMES.join(" | ")
    );
    println!("|---|---|{}---|", "---|".repeat(NAMES.len()));
    let mut panels = Vec::new();
    let mut most_behind = f64::MIN;
    for exponent in EXPONENTS {
        for kind in Kind::ALL {
            let title = format!("Zipf {exponent}, {}", kind.name());
            let requests = trace(exponent, kind);
            let mut panel = Panel::new(&title);
            for size in SIZES {
                let ratios = play(&requests, WORKING_SET * size / 100);
                let behind = behind(&ratios);
                most_behind = most_behind.max(behind);
                let cells: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
                println!(
                    "| {title} | {size} % | {} | {behind:+.2} |",
                    cells.join(" | ")
                );
                panel.add(&format!("{size} %"), &ratios);
            }
            panels.push(panel);
        }
    }
    println!("\nAt most {most_behind:.2} points behind the best; allowed are {MAX_BEHIND}.");
    let folder = fs::create_dir_all("target/bench");
    match folder.and_then(|()| fs::write(PLOT, plot::svg(&panels))) {
        Ok(()) => println!("{PLOT}"),
        Err(error) => println!("no plot: {error}"),
    }
    most_behind <= MAX_BEHIND
}

/// The hit ratio of each cache, in per cent.
fn play(requests: &[u64], capacity: usize) -> Vec<f64> {
    let caches = policies::all(capacity).into_iter();
    let ratios = caches.map(|mut cache| {
        let hits = requests.iter().filter(|number| cache.ask(**number)).count();
        100.0 * hits as f64 / requests.len() as f64
    });
    ratios.collect()
}

/// By how many points the first is worse than the best of the others.
fn behind(ratios: &[f64]) -> f64 {
    let (own, others) = ratios.split_first().unwrap_or((&0.0, &[]));
    others.iter().copied().fold(f64::MIN, f64::max) - own
}
