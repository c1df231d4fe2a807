//! The faults and probes that end, trap or answer without waiting.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, io};

use serde_json::{Map, Value, json};

use crate::{Answer, Call};

/// How much is asked for at once while leaking: large enough to reach any limit in some hundred steps.
const LEAK_STEP_BYTES: usize = 1 << 20;
/// WebAssembly's page, the distance at which memory is touched so that it is really used.
const PAGE_BYTES: usize = 64 << 10;

/// How many requests this instance has counted: tells a reused instance from a fresh one.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Does what `name` says. `argument` is the number behind the name in the path, 0 without one.
#[must_use]
pub fn answer(name: &str, argument: u64, call: &Call) -> Answer {
    match name {
        "ok" => Answer::text(200, "ok"),
        "trap" => trap(),
        "loop" => busy_loop(),
        "compute" => compute(argument),
        "leak" => leak(),
        "deep-recursion" => Answer::text(
            200,
            recursion(argument.max(u64::from(u32::MAX))).to_string(),
        ),
        "allocate" => allocate(argument),
        "count" => Answer::text(200, (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string()),
        "with" => with_fields(call),
        "headers" => Answer::json(&call.headers_json()),
        "call" => {
            Answer::json(&json!({"method": call.method, "path": call.path, "query": call.query}))
        }
        "print" => print(call.parameter("text").unwrap_or("printed")),
        "env" => Answer::json(&environment()),
        "files" => files(call),
        "big-headers" => big_headers(call.number("count", 1), call.number("size", 1)),
        "status" => Answer::text(u16::try_from(argument).unwrap_or(500), ""),
        _ => Answer::text(404, "this guest knows no such behaviour"),
    }
}

/// A number of the environment of this version; 0 without one.
#[must_use]
pub fn of_environment(name: &str) -> u64 {
    let text = env::var(name).unwrap_or_default();
    text.parse().unwrap_or(0)
}

/// Whether this request is one of those of which one in `FAIL_EVERY` fails.
#[must_use]
pub fn fails_now() -> bool {
    let every = of_environment("FAIL_EVERY");
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    every > 0 && count.is_multiple_of(every)
}

/// Keeps `LEAK_KIB` of memory for ever.
pub fn grow() {
    let bytes = of_environment("LEAK_KIB") * 1024;
    let kept = vec![0_u8; usize::try_from(bytes).unwrap_or(0)];
    std::mem::forget(touched(kept));
}

/// The name of this version, which caches may keep.
#[must_use]
pub fn version(failed: bool) -> Answer {
    let name = env::var("VERSION").unwrap_or_default();
    let mut answer = Answer::text(if failed { 500 } else { 200 }, name);
    let kept = ("cache-control".to_owned(), "max-age=60".to_owned());
    answer.headers.push(kept);
    answer
}

/// Ends the guest the way a failed assertion of a function would.
#[allow(clippy::panic, reason = "the guest exists to trap")]
pub fn trap() -> ! {
    panic!("trapped on purpose")
}

/// Keeps the processor busy without an end.
pub fn busy_loop() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Keeps the processor busy for this many million turns, some milliseconds each.
fn compute(millions: u64) -> Answer {
    let mut turns = 0_u64;
    while turns < millions.saturating_mul(1_000_000) {
        turns = black_box(turns.wrapping_add(1));
    }
    Answer::text(200, turns.to_string())
}

/// Allocates until the host refuses, and then fails as an allocation in a function does: by a trap.
fn leak() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(touched(vec![0_u8; LEAK_STEP_BYTES]));
        black_box(&kept);
    }
}

/// Allocates this many mebibytes; unlike [`leak`], a refusal is an answer (507).
fn allocate(mebibytes: u64) -> Answer {
    let mut memory = Vec::new();
    for _ in 0..mebibytes {
        let mut step = Vec::<u8>::new();
        if step.try_reserve_exact(LEAK_STEP_BYTES).is_err() {
            return Answer::text(507, format!("refused after {} MiB", memory.len()));
        }
        step.resize(LEAK_STEP_BYTES, 0);
        memory.push(touched(step));
    }
    Answer::text(200, format!("allocated {} MiB", black_box(memory).len()))
}

fn touched(mut memory: Vec<u8>) -> Vec<u8> {
    for page in memory.chunks_mut(PAGE_BYTES) {
        page[0] = 1;
    }
    memory
}

/// Calls itself with a frame on the stack until there is none left.
fn recursion(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    if depth == 0 {
        return frame[0];
    }
    black_box(recursion(depth - 1)).wrapping_add(frame[31])
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a guest prints is what is tested"
)]
fn print(text: &str) -> Answer {
    println!("stdout: {text}");
    eprintln!("stderr: {text}");
    Answer::text(200, text)
}

fn environment() -> Value {
    Value::Object(
        env::vars()
            .map(|(name, value)| (name, value.into()))
            .collect::<Map<_, _>>(),
    )
}

/// `/files?read=PATH`, `/files?write=PATH` and `/files?list=PATH`: 200 with the content, 403 with the error.
fn files(call: &Call) -> Answer {
    let outcome = match call.query.first().map(|(what, path)| (what.as_str(), path)) {
        Some(("read", path)) => fs::read(path),
        Some(("write", path)) => fs::write(path, "overwritten").map(|()| b"written".to_vec()),
        Some(("list", path)) => list(path),
        _ => return Answer::text(400, "one of read, write or list is needed"),
    };
    match outcome {
        Ok(content) => Answer::text(200, content),
        Err(error) => Answer::text(403, error.to_string()),
    }
}

fn list(path: &str) -> io::Result<Vec<u8>> {
    let names =
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names.join("\n").into_bytes())
}

/// Counts, and answers with each parameter of the query as a field.
fn with_fields(call: &Call) -> Answer {
    let mut answer = answer("count", 0, call);
    answer.headers.extend(call.query.iter().cloned());
    answer
}

fn big_headers(count: u64, size: u64) -> Answer {
    let value = "v".repeat(usize::try_from(size).unwrap_or(0));
    let mut answer = Answer::text(200, "big headers");
    answer
        .headers
        .extend((0..count).map(|index| (format!("x-big-{index}"), value.clone())));
    answer
}
