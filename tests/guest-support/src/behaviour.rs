//! Which path asks for which behaviour.

use std::time::Duration;

use crate::{Answer, Call, faults};

/// What a fault guest does with a request. Whatever needs no stream and no waiting is done already while the
/// request is read, and is an [`Behaviour::Answer`] here.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// `/ok`, `/headers`, …: send this.
    Answer(Answer),
    /// `/hang`: wait on a clock that will not strike in the life of the process.
    Hang,
    /// `/stuck`: wait on something that nothing can ever wake.
    Stuck,
    /// `/no-response`: return without having answered.
    NoResponse,
    /// `/answer-twice`: give a second answer after the first.
    AnswerTwice,
    /// `/write-forever`: content without an end.
    WriteForever,
    /// `/trap-after-headers`: answer, send some content, then trap.
    TrapAfterHeaders,
    /// `/echo` and `/slow-echo/MS`: send the content back, pausing before each piece.
    Echo {
        /// How long to wait before each piece.
        pause: Duration,
    },
    /// `/length`: read the content to its end and answer with its length in bytes.
    Length,
    /// `/sleep/MS`: wait, then answer.
    Sleep(Duration),
    /// `/chain?url=…`: GET the URL and relay the answer.
    Chain {
        /// The absolute URL.
        url: String,
    },
    /// `/concurrent/N`: wait until N requests are in this instance, or for a bounded time, and answer with how many
    /// there were.
    Concurrent {
        /// How many to wait for.
        wanted: u32,
    },
    /// `/exit` and `/exit-unfinished`: answer, then exit with 0, with the content finished or not. A guest of 0.3, which
    /// answers by returning, exits without an answer.
    Exit {
        /// Whether the content is finished first.
        finished: bool,
    },
    /// `/bytes/N`: an answer of this many bytes, sent piece by piece.
    Bytes {
        /// The length of the content.
        length: u64,
    },
}

impl Behaviour {
    /// Reads what a request asks for. Faults without HTTP (trap, loop, leak, recursion) happen in this call.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        let segments = call.segments();
        let argument = segments
            .get(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        match segments.first().copied().unwrap_or("ok") {
            "hang" => Self::Hang,
            "stuck" => Self::Stuck,
            "no-response" => Self::NoResponse,
            "answer-twice" => Self::AnswerTwice,
            "write-forever" => Self::WriteForever,
            "trap-after-headers" => Self::TrapAfterHeaders,
            "echo" => Self::Echo {
                pause: Duration::ZERO,
            },
            "slow-echo" => Self::Echo {
                pause: Duration::from_millis(argument),
            },
            "length" => Self::Length,
            "sleep" => Self::Sleep(Duration::from_millis(argument)),
            "chain" => Self::Chain {
                url: call.parameter("url").unwrap_or_default().to_owned(),
            },
            "concurrent" => Self::Concurrent {
                wanted: u32::try_from(argument).unwrap_or(u32::MAX),
            },
            "exit" => Self::Exit { finished: true },
            "exit-unfinished" => Self::Exit { finished: false },
            "bytes" => Self::Bytes { length: argument },
            "version" => version(),
            name => Self::Answer(faults::answer(name, argument, call)),
        }
    }
}

/// `/version`: what the environment of this version says: its name, after a pause, or a failure, or a leak.
fn version() -> Behaviour {
    let failed = faults::fails_now();
    faults::grow();
    match faults::of_environment("PAUSE_MS") {
        0 => Behaviour::Answer(faults::version(failed)),
        pause => Behaviour::Sleep(Duration::from_millis(pause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_path_is_answered_with_404() {
        let Behaviour::Answer(answer) = Behaviour::of(&Call::new("GET", "/nothing", Vec::new()))
        else {
            panic!("an unknown path must be answered at once");
        };
        assert_eq!(answer.status, 404);
    }

    #[test]
    fn a_number_behind_the_name_is_read() {
        let behaviour = Behaviour::of(&Call::new("GET", "/sleep/25", Vec::new()));
        assert!(matches!(behaviour, Behaviour::Sleep(pause) if pause == Duration::from_millis(25)));
    }
}
