//! The handler: what each behaviour is in terms of `wasi:http` 0.3.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guest_support::{Answer, Behaviour, Call};
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{
    BoxBody, Error, FullBody, HeaderName, HeaderValue, Request, Response, StatusCode, box_body, get,
};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::body;

/// Longer than any test and any deadline.
const ETERNITY: Duration = Duration::from_secs(365 * 24 * 3600);
/// How often `/concurrent` looks, and how often it does so before it gives up: two seconds.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const MAX_LOOKS: u32 = 400;

/// How many `/concurrent` requests are in this instance, and the most there have been.
static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);
static MOST_IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response<BoxBody>, Error> {
    let call = call(&request);
    if call.segments() == ["written-first"] {
        // The SDK hands on a response of `wasi:http` as it is, if it comes as an error.
        return Err(body::written_first().await.into());
    }
    match Behaviour::of(&call) {
        Behaviour::Answer(answer) => Ok(response(answer)),
        Behaviour::Hang => sleep_then_answer(ETERNITY).await,
        Behaviour::Stuck => std::future::pending().await,
        // A 0.3 handler cannot return nothing and cannot return twice: an error code is the nearest it has.
        Behaviour::NoResponse | Behaviour::AnswerTwice => {
            Err(ErrorCode::InternalError(None).into())
        }
        Behaviour::WriteForever => Ok(Response::new(body::endless())),
        Behaviour::TrapAfterHeaders => Ok(Response::new(body::trapping())),
        Behaviour::Echo { pause } => Ok(Response::new(body::echo(request.into_body(), pause))),
        Behaviour::Length => Ok(text(request.into_body().bytes().await?.len().to_string())),
        Behaviour::Sleep(pause) => sleep_then_answer(pause).await,
        Behaviour::Chain { url } => chain(&url).await,
        Behaviour::Concurrent { wanted } => Ok(text(concurrent(wanted).await.to_string())),
        Behaviour::Exit { .. } => std::process::exit(0),
        Behaviour::Bytes { length } => Ok(Response::new(body::of_length(length))),
    }
}

fn call(request: &Request) -> Call {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| {
        (
            name.to_string(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    Call::new(request.method().as_str(), target, fields.collect())
}

fn response(answer: Answer) -> Response<BoxBody> {
    let mut response = Response::new(box_body(FullBody::new(Bytes::from(answer.body))));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn text(body: impl Into<Vec<u8>>) -> Response<BoxBody> {
    response(Answer::text(200, body))
}

async fn sleep_then_answer(pause: Duration) -> Result<Response<BoxBody>, Error> {
    sleep(pause).await;
    Ok(text("slept"))
}

async fn chain(url: &str) -> Result<Response<BoxBody>, Error> {
    match get(url).await {
        Ok(upstream) => Ok(upstream.map(box_body)),
        Err(error) => Ok(response(Answer::text(502, format!("{error:?}")))),
    }
}

async fn concurrent(wanted: u32) -> u32 {
    let now = IN_FLIGHT.fetch_add(1, Ordering::Relaxed) + 1;
    MOST_IN_FLIGHT.fetch_max(now, Ordering::Relaxed);
    let mut looks = 0;
    while MOST_IN_FLIGHT.load(Ordering::Relaxed) < wanted && looks < MAX_LOOKS {
        sleep(LOOK_AGAIN).await;
        looks += 1;
    }
    IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
    MOST_IN_FLIGHT.load(Ordering::Relaxed)
}
