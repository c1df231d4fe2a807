//! The handler: what each behaviour is in terms of `wasi:http` 0.2.

use std::time::Duration;

use guest_support::p2::{Reply, call, read_all, read_pieces, send};
use guest_support::{Answer, Behaviour, faults};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::client;

/// Longer than any test and any deadline.
const ETERNITY: Duration = Duration::from_secs(365 * 24 * 3600);
const PIECE: &[u8] = &[b'x'; 16 << 10];
/// How many pieces go out before the trap, so that the client has seen the head and some content.
const PIECES_BEFORE_TRAP: u32 = 4;

struct Faults;

#[allow(
    unsafe_code,
    reason = "exporting a function to the host is unsafe by its attribute"
)]
mod export {
    use super::Faults;
    wasip2::http::proxy::export!(Faults);
}

impl wasip2::exports::http::incoming_handler::Guest for Faults {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        match Behaviour::of(&call(&request)) {
            Behaviour::Answer(answer) => send(outparam, &answer),
            // 0.2 has no pollable that never gets ready without a clock, so both waits are the same here.
            Behaviour::Hang | Behaviour::Stuck => wait(ETERNITY),
            Behaviour::NoResponse => drop(outparam),
            Behaviour::AnswerTwice => answer_twice(outparam),
            Behaviour::WriteForever => write_forever(outparam),
            Behaviour::TrapAfterHeaders => trap_after_headers(outparam),
            Behaviour::Echo { pause } => echo(&request, outparam, pause),
            Behaviour::Length => send(
                outparam,
                &Answer::text(200, read_all(&request).len().to_string()),
            ),
            Behaviour::Sleep(pause) => {
                wait(pause);
                send(outparam, &Answer::text(200, "slept"));
            }
            Behaviour::Chain { url } => client::relay(&url, outparam),
            // A 0.2 instance takes one request at a time.
            Behaviour::Concurrent { .. } => send(outparam, &Answer::text(200, "1")),
            Behaviour::Bytes { length } => bytes(outparam, length),
            Behaviour::Exit { finished } => exit(outparam, finished),
        }
    }
}

fn wait(pause: Duration) {
    subscribe_duration(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX)).block();
}

/// Sends a whole answer, then uses the spent outparam again.
#[allow(
    unsafe_code,
    reason = "the safe interface rightly makes this impossible, and hosts must bear it"
)]
fn answer_twice(outparam: ResponseOutparam) {
    let handle = outparam.handle();
    send(outparam, &Answer::text(200, "first"));
    // SAFETY: a handle is only a number to the guest; that this one is spent is the point, and the host judges it.
    let spent = unsafe { ResponseOutparam::from_handle(handle) };
    send(spent, &Answer::text(200, "second"));
}

fn write_forever(outparam: ResponseOutparam) {
    let reply = Reply::start(outparam, 200, &[]);
    while reply.write(PIECE) {}
}

fn trap_after_headers(outparam: ResponseOutparam) {
    let reply = Reply::start(outparam, 200, &[]);
    for _ in 0..PIECES_BEFORE_TRAP {
        if !reply.write(PIECE) {
            return;
        }
    }
    faults::trap();
}

fn echo(request: &IncomingRequest, outparam: ResponseOutparam, pause: Duration) {
    let body = request.consume().expect("the content was not taken yet");
    let reply = Reply::start(outparam, 200, &[]);
    let mut connected = true;
    read_pieces(&body, |piece| {
        if !pause.is_zero() {
            wait(pause);
        }
        connected = connected && reply.write(piece);
    });
    if connected {
        reply.finish();
    }
}

fn exit(outparam: ResponseOutparam, finished: bool) {
    let reply = Reply::start(outparam, 200, &[]);
    if reply.write(b"thirteen byte") && finished {
        reply.finish();
    }
    std::process::exit(0);
}

fn bytes(outparam: ResponseOutparam, mut left: u64) {
    let reply = Reply::start(outparam, 200, &[]);
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
        if !reply.write(&PIECE[..size]) {
            return;
        }
        left -= size as u64;
    }
    reply.finish();
}
