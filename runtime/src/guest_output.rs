//! The standard output and error of guests, which go to the log with the request's id.
//! [`crate::observe`] splits them into lines and bounds them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::limits::GUEST_WRITE_BYTES;
use crate::observe::{GuestLog, GuestStream, Log};
use crate::request::RequestId;

/// One of a guest's two outputs. All streams that the guest opens on it write to the same log.
#[derive(Clone)]
pub(crate) struct GuestOutput(Arc<Mutex<GuestLog>>);

impl GuestOutput {
    pub(crate) fn new(log: &Log, component: &Arc<str>, stream: GuestStream) -> Self {
        Self(Arc::new(Mutex::new(GuestLog::new(
            log.clone(),
            Arc::clone(component),
            stream,
        ))))
    }

    /// Output from now on belongs to `request_id`.
    pub(crate) fn begin_request(&self, request_id: &RequestId) {
        self.0.lock().begin_request(request_id.as_str());
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

/// For WASI 0.3. The log never waits: it takes the output or drops it.
impl AsyncWrite for GuestOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// For WASI 0.2.
#[wasmtime_wasi::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.lock().write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(GUEST_WRITE_BYTES)
    }
}
