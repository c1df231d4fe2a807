//! `terrace-bench-store` measures only the store of the edge cache. docs/bench.md says how to read its tables.
//!
//! `cargo run --release --package terrace-bench-store [hits] [memory] [purge] [speed]`; without a name, all of them.

mod hits;
mod memory;
mod plot;
mod policies;
mod purge;
mod responses;
mod speed;
mod trace;

use std::process::ExitCode;

/// The allocator of Terrace.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A part: its name, and a function that measures it and returns whether it meets its target.
type Part = (&'static str, fn() -> bool);

/// The parts. Memory comes first, while nothing else has touched the heap.
const PARTS: [Part; 4] = [
    ("memory", memory::measure),
    ("purge", purge::measure),
    ("speed", speed::measure),
    ("hits", hits::measure),
];

/// Runs the named parts; fails if one misses its target.
fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut all_met = true;
    for (name, measure) in PARTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        println!("## {name}\n");
        all_met &= measure();
        println!();
    }
    if all_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
