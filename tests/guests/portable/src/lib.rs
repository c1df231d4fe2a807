//! A function that uses what the SDK offers, as its path says: one source for every target that the SDK has.
//!
//! Unlike a function that is used, it tells its client why something failed, since that is what is tested.

mod database;

use bytes::Bytes;
use terrace_sdk::http::header::SET_COOKIE;
use terrace_sdk::http::{HeaderMap, HeaderValue, Method, StatusCode};
use terrace_sdk::kv::Store;
use terrace_sdk::queue::Event;
use terrace_sdk::{Body, Error, IntoResponse, Request, Response, log, outbound, queue, variables};

/// More than any test sends.
const MAX_CONTENT: usize = 1 << 20;

/// Answers with what the target does.
pub async fn handle(request: Request) -> Response {
    let answer = match queue::name_of(&request) {
        Some(_) => delivered(request).await,
        None => answer(request).await,
    };
    answer.unwrap_or_else(|error| with_status(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

terrace_sdk::export!(handle);

async fn answer(request: Request) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    let segments: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    match segments[..] {
        ["variable", name] => Ok(variables::get(name).await?.into_response()),
        ["kv", label] => Ok(Store::open(label)
            .await?
            .keys()
            .await?
            .join("\n")
            .into_response()),
        ["kv", label, key] => value(&head.method, &Store::open(label).await?, key, body).await,
        ["sql", label] => database::execute(label, &body.read(MAX_CONTENT).await?).await,
        ["batch", label] => database::batch(label, &body.read(MAX_CONTENT).await?).await,
        ["waiting", label, table] => database::waiting(label, table).await,
        ["transaction", label, table] => database::transaction(label, table).await,
        ["queue", name] => sent(name, body.read(MAX_CONTENT).await?).await,
        ["outbox", label, name] => {
            database::outbox(label, name, &body.read(MAX_CONTENT).await?).await
        }
        ["fetch"] => Ok(outbound::send(request_of(&body.read(MAX_CONTENT).await?)?).await?),
        ["post"] => Ok(outbound::send(post_of(&body.read(MAX_CONTENT).await?)?).await?),
        ["field", name] => Ok(field(&head.headers, name)),
        ["echo"] => Ok(Response::new(body)),
        ["nothing"] => Ok(with_status(StatusCode::NO_CONTENT, Body::empty())),
        ["cookies"] => Ok(cookies()),
        ["log", word] => {
            log::warn(word);
            Ok("logged".into_response())
        }
        _ => Ok(with_status(StatusCode::NOT_FOUND, "there is no such path")),
    }
}

async fn sent(queue: &str, data: Bytes) -> Result<Response, Error> {
    let event = Event::new("1", "/portable", "tested.sent").data("text/plain", data);
    queue::send(queue, event).await?;
    Ok(with_status(StatusCode::ACCEPTED, Body::empty()))
}

/// Keeps the kind of an event under the name that is its data, and the time of a schedule under its name.
async fn delivered(request: Request) -> Result<Response, Error> {
    let event = Event::read(request).await?;
    let (name, value) = match event.schedule() {
        Some(schedule) => (schedule.to_owned(), event.time.unwrap_or_default()),
        None => (
            String::from_utf8_lossy(&event.data).into_owned(),
            event.kind,
        ),
    };
    Store::open("default").await?.set(&name, value).await?;
    Ok(with_status(StatusCode::NO_CONTENT, Body::empty()))
}

async fn value(method: &Method, store: &Store, key: &str, body: Body) -> Result<Response, Error> {
    match *method {
        Method::PUT => {
            store
                .set(key, body.read(MAX_CONTENT).await?.to_vec())
                .await?;
        }
        Method::DELETE => store.delete(key).await?,
        _ => {
            let value = store.get(key).await?;
            let absent = || with_status(StatusCode::NOT_FOUND, "there is no such key");
            return Ok(value.map_or_else(absent, |value| Response::new(value.into())));
        }
    }
    Ok(with_status(StatusCode::NO_CONTENT, Body::empty()))
}

fn request_of(url: &[u8]) -> Result<Request, Error> {
    Ok(Request::builder().uri(url).body(Body::empty())?)
}

/// A request whose content is the URL that it goes to.
fn post_of(url: &[u8]) -> Result<Request, Error> {
    let content = Body::from(Bytes::copy_from_slice(url));
    Ok(Request::post(url).body(content)?)
}

fn field(fields: &HeaderMap, name: &str) -> Response {
    let absent = || with_status(StatusCode::NOT_FOUND, "there is no such field");
    let value = fields.get(name);
    value.map_or_else(absent, |value| {
        Response::new(Bytes::copy_from_slice(value.as_bytes()).into())
    })
}

fn cookies() -> Response {
    let mut response = Response::new(Body::empty());
    for cookie in ["first=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "second=2"] {
        let cookie = HeaderValue::from_static(cookie);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn with_status(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}
