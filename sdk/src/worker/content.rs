//! Passes content between Rust and JavaScript streams. Each side produces a piece only when the other asks for it, so a slow
//! reader slows the writer.

use std::cell::{RefCell, RefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as _, Frame};
use wasm_streams::ReadableStream;
use wasm_streams::readable::IntoStream;
use worker::js_sys::{Object, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys;

use super::describe;
use crate::{Body, BodyError};

/// The content of a JavaScript stream.
pub(super) fn from_js(stream: Option<web_sys::ReadableStream>) -> Body {
    body(stream.map(Source::new))
}

/// Content from a source, or none.
pub(super) fn body(source: Option<Rc<Source>>) -> Body {
    source.map_or_else(Body::empty, |source| Body::stream(Incoming(source)))
}

/// Content for JavaScript: nothing, bytes with a known length, or a stream.
pub(super) fn to_js(body: Body) -> Option<Object> {
    match body.as_full() {
        Some(bytes) if bytes.is_empty() => None,
        Some(bytes) => Some(Uint8Array::from(bytes.as_ref()).into()),
        None => Some(
            ReadableStream::from_stream(Outgoing(body))
                .into_raw()
                .unchecked_into(),
        ),
    }
}

/// The source of content. The first read locks the stream, so others can discard one that is never read.
pub(super) struct Source {
    stream: web_sys::ReadableStream,
    pieces: RefCell<Option<IntoStream<'static>>>,
}

impl Source {
    pub(super) fn new(stream: web_sys::ReadableStream) -> Rc<Self> {
        let pieces = RefCell::default();
        Rc::new(Self { stream, pieces })
    }

    /// Locks the stream, if no read has. Nobody else can discard it then.
    pub(super) fn open(&self) -> RefMut<'_, IntoStream<'static>> {
        RefMut::map(self.pieces.borrow_mut(), |pieces| {
            pieces.get_or_insert_with(|| {
                ReadableStream::from_raw(self.stream.clone().unchecked_into()).into_stream()
            })
        })
    }
}

/// Content from JavaScript.
struct Incoming(Rc<Source>);

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut pieces = self.0.open();
        Pin::new(&mut *pieces).poll_next(context).map(|piece| {
            piece.map(|piece| match piece {
                Ok(bytes) => Ok(Frame::data(Uint8Array::new(&bytes).to_vec().into())),
                Err(error) => Err(BodyError::Incomplete(describe(&error).into())),
            })
        })
    }
}

struct Outgoing(Body);

impl Stream for Outgoing {
    type Item = Result<JsValue, JsValue>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(frame) = std::task::ready!(Pin::new(&mut self.0).poll_frame(context)) else {
                return Poll::Ready(None);
            };
            match frame.map(Frame::into_data) {
                Ok(Ok(bytes)) => {
                    return Poll::Ready(Some(Ok(Uint8Array::from(bytes.as_ref()).into())));
                }
                // A JavaScript stream cannot have trailers.
                Ok(Err(_)) => {}
                Err(error) => return Poll::Ready(Some(Err(error.to_string().into()))),
            }
        }
    }
}
