//! Small bodies, streamed bodies, and guests that end during them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use wasmtime_wasi_http::{Error, WasiBody};

use super::collect_small;
use crate::failure::Failure;
use crate::function::CallState;
use crate::function::call::CancelOnDrop;
use crate::function::testing::{call_within, empty};
use crate::limits::SMALL_BODY_BYTES;
use crate::request::ResponseBody;

type Frames = mpsc::UnboundedSender<Result<Frame<Bytes>, Error>>;

/// A body that a guest writes.
fn written() -> (Frames, WasiBody) {
    let (frames, body) = mpsc::unbounded();
    (frames, StreamBody::new(body).boxed_unsync())
}

fn whole(content: impl Into<Bytes>) -> WasiBody {
    Full::new(content.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn data(content: &'static str) -> Result<Frame<Bytes>, Error> {
    Ok(Frame::data(content.into()))
}

fn state() -> Arc<CallState> {
    call_within(Duration::from_secs(20))
}

async fn collect(body: WasiBody, state: &Arc<CallState>) -> Result<ResponseBody, Failure> {
    collect_response(Response::new(body), state, true).await
}

async fn collect_response(
    response: Response<WasiBody>,
    state: &Arc<CallState>,
    is_wanted: bool,
) -> Result<ResponseBody, Failure> {
    let cancel = CancelOnDrop::new(Arc::clone(state));
    collect_small(response, cancel, is_wanted)
        .await
        .map(Response::into_body)
}

fn announcing(length: u64, body: WasiBody) -> Response<WasiBody> {
    Response::builder()
        .header("content-length", length)
        .body(body)
        .unwrap()
}

#[tokio::test]
async fn a_small_body_is_known_as_a_whole() {
    let (frames, body) = written();
    frames.unbounded_send(data("a")).unwrap();
    frames.unbounded_send(data("b")).unwrap();
    drop(frames);
    let state = state();
    let body = collect(body, &state).await.unwrap();
    assert!(
        matches!(&body, ResponseBody::Full(content) if content == "ab"),
        "{body:?}"
    );
    drop(body);
    assert!(!state.is_cancelled());
}

#[tokio::test]
async fn a_body_that_is_written_slowly_is_streamed() {
    let (frames, body) = written();
    frames.unbounded_send(data("a")).unwrap();
    let state = state();
    let body = collect(body, &state).await.unwrap();
    assert!(matches!(&body, ResponseBody::Streamed(_)), "{body:?}");
    frames.unbounded_send(data("b")).unwrap();
    drop(frames);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "ab");
    assert!(!state.is_cancelled());
}

#[tokio::test]
async fn a_large_body_is_streamed_whole() {
    let (frames, body) = written();
    let piece = Bytes::from(vec![b'x'; SMALL_BODY_BYTES]);
    for _ in 0..3 {
        frames
            .unbounded_send(Ok(Frame::data(piece.clone())))
            .unwrap();
    }
    drop(frames);
    let body = collect(body, &state()).await.unwrap();
    assert!(matches!(&body, ResponseBody::Streamed(_)), "{body:?}");
    assert_eq!(
        body.collect().await.unwrap().to_bytes().len(),
        3 * SMALL_BODY_BYTES
    );
}

#[tokio::test]
async fn trailers_are_kept() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", "here".parse().unwrap());
    let (frames, body) = written();
    frames.unbounded_send(data("a")).unwrap();
    frames
        .unbounded_send(Ok(Frame::trailers(trailers.clone())))
        .unwrap();
    drop(frames);
    let body = collect(body, &state())
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), "a");
}

#[tokio::test]
async fn a_guest_that_dies_before_anything_is_sent_is_a_failure() {
    let state = state();
    state.fail(Failure::GuestTrapped);
    assert_eq!(
        collect(empty(), &state).await.err(),
        Some(Failure::GuestTrapped)
    );
}

#[tokio::test]
async fn a_body_that_breaks_before_anything_is_sent_is_a_failure() {
    let (frames, body) = written();
    frames.unbounded_send(data("a")).unwrap();
    frames
        .unbounded_send(Err(Error::HttpResponseBodySize(None)))
        .unwrap();
    let failure = collect(body, &state()).await.err();
    assert!(
        matches!(&failure, Some(Failure::GuestFailed { code }) if code.contains("Size")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_guest_that_dies_later_breaks_its_body() {
    for breaks in [false, true] {
        let (frames, body) = written();
        let state = state();
        let mut body = collect(body, &state).await.unwrap();
        state.fail(Failure::CpuExceeded);
        if breaks {
            frames
                .unbounded_send(Err(Error::HttpProtocolError))
                .unwrap();
        }
        drop(frames);
        let frame = body.frame().await.unwrap();
        assert_eq!(frame.err(), Some(Failure::CpuExceeded));
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_end_cancels_the_guest() {
    let (_frames, body) = written();
    let state = state();
    let body = collect(body, &state).await.unwrap();
    assert!(!state.is_cancelled());
    drop(body);
    assert!(state.is_cancelled());
}

#[tokio::test]
async fn an_announced_length_that_was_taken_ends_the_body() {
    let (frames, body) = written();
    let state = state();
    let mut body = collect_response(announcing(2, body), &state, true)
        .await
        .unwrap();
    assert_eq!(body.size_hint().exact(), Some(2));
    frames.unbounded_send(data("ab")).unwrap();
    assert!(!body.is_end_stream());
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.is_end_stream());
    drop(body);
    assert!(!state.is_cancelled());
}

#[tokio::test]
async fn an_answer_to_head_may_announce_what_it_does_not_send() {
    let (frames, broken) = written();
    frames
        .unbounded_send(Err(Error::HttpResponseBodySize(None)))
        .unwrap();
    let (_frames, unfinished) = written();
    for body in [empty(), whole("more"), broken, unfinished] {
        let state = state();
        let body = collect_response(announcing(5, body), &state, false)
            .await
            .unwrap();
        assert!(!matches!(body, ResponseBody::Streamed(_)), "{body:?}");
        drop(body);
        assert!(!state.is_cancelled());
    }
}
