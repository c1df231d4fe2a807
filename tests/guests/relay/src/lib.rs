//! A function that sends events as its client says, and, as a consumer, asks a server of the test what to answer.

use terrace_sdk::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use terrace_sdk::{Body, Error, Request, Response, outbound, variables};

/// Sends a request to `/send/QUEUE` on to the queue, and an event to the server named by the variable `judge`.
pub async fn handle(request: Request) -> Response {
    let outcome = match request.uri().path().strip_prefix("/send/") {
        Some(queue) => send(format!("http://{queue}.queue.internal/"), request).await,
        None => judged(request).await,
    };
    outcome.unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(error.to_string()));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

terrace_sdk::export!(handle);

async fn send(target: String, request: Request) -> Result<Response, Error> {
    let (head, content) = request.into_parts();
    let mut sent = Request::new(content);
    *sent.method_mut() = head.method;
    *sent.uri_mut() = target.parse::<Uri>()?;
    *sent.headers_mut() = of_event(&head.headers);
    Ok(outbound::send(sent).await?)
}

async fn judged(request: Request) -> Result<Response, Error> {
    let kind = request.headers().get("ce-type");
    assert!(kind.is_none_or(|kind| kind != "trap"), "as asked");
    if kind.is_some_and(|kind| kind == "circle") {
        return send_on(request).await;
    }
    let judge = variables::get("judge").await?;
    let host = request.uri().host().unwrap_or_default();
    let target = format!("{judge}/{host}");
    send(target, request).await
}

/// Sends an event to the queue `mail`, with an id that is longer by a letter.
async fn send_on(mut request: Request) -> Result<Response, Error> {
    let id = request
        .headers()
        .get("ce-id")
        .map(|id| id.as_bytes().to_vec());
    let id = [id.unwrap_or_default(), b"x".to_vec()].concat();
    request
        .headers_mut()
        .insert("ce-id", HeaderValue::from_bytes(&id)?);
    send("http://mail.queue.internal/".to_owned(), request).await
}

/// The fields of an event, and those that tests look at.
fn of_event(headers: &HeaderMap) -> HeaderMap {
    let is_of_event = |name: &str| {
        name.starts_with("ce-")
            || ["content-type", "delay", "traceparent", "x-request-id"].contains(&name)
    };
    let fields = headers
        .iter()
        .filter(|(name, _)| is_of_event(name.as_str()));
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
