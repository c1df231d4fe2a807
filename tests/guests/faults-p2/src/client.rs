//! Outbound GET through `wasi:http/outgoing-handler@0.2`.

use guest_support::Answer;
use guest_support::p2::{Reply, read_pieces, send};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, OutgoingRequest, ResponseOutparam, Scheme,
};

/// GETs a URL and relays status and content; an error of the host is a 502 that names it.
pub(crate) fn relay(url: &str, outparam: ResponseOutparam) {
    match get(url) {
        Ok(upstream) => pass_on(&upstream, outparam),
        Err(error) => send(outparam, &Answer::text(502, format!("{error:?}"))),
    }
}

fn get(url: &str) -> Result<IncomingResponse, ErrorCode> {
    let future = handle(request(url).ok_or(ErrorCode::HttpRequestUriInvalid)?, None)?;
    future.subscribe().block();
    let outcome = future
        .get()
        .expect("its pollable said that the response is there");
    outcome.expect("this is the first look at the response")
}

fn request(url: &str) -> Option<OutgoingRequest> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest
        .find('/')
        .map_or((rest, "/"), |slash| rest.split_at(slash));
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&scheme)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    Some(request)
}

fn pass_on(upstream: &IncomingResponse, outparam: ResponseOutparam) {
    let body = upstream.consume().expect("the content was not taken yet");
    let reply = Reply::start(outparam, upstream.status(), &[]);
    let mut connected = true;
    read_pieces(&body, |piece| connected = connected && reply.write(piece));
    if connected {
        reply.finish();
    }
}
