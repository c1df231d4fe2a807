//! Compression of stored content: once for each stored response and coding, streamed, a slice at a time.

mod renditions;

use std::future::poll_fn;
use std::io::{self, Write};
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::content::{ContentReader, ContentWriter};
use crate::limits::ENCODING_SLICE_BYTES;
use crate::rules::accept_encoding::ContentCoding;

pub(crate) use renditions::Renditions;

/// Brotli's quality, of 11: beyond it content takes many times as long for a few per cent.
const BROTLI_QUALITY: u32 = 5;

/// Brotli's window, as a power of two of bytes: 256 KiB, since the memory of an encoder grows with it.
const BROTLI_WINDOW_BITS: u32 = 18;

/// Zstandard's level: its default.
const ZSTD_LEVEL: i32 = 3;

/// Deflate's level, of 9: its default.
const GZIP_LEVEL: u32 = 6;

/// A running compression.
enum Encoder {
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(coding: ContentCoding) -> io::Result<Self> {
        Ok(match coding {
            ContentCoding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                ENCODING_SLICE_BYTES,
                BROTLI_QUALITY,
                BROTLI_WINDOW_BITS,
            ))),
            ContentCoding::Zstd => {
                Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)
            }
            ContentCoding::Gzip => Self::Gzip(flate2::write::GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(GZIP_LEVEL),
            )),
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Brotli(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
            Self::Gzip(encoder) => encoder,
        }
    }

    /// The output so far.
    fn take_output(&mut self) -> Bytes {
        let output = match self {
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        };
        Bytes::from(std::mem::take(output))
    }

    fn finish(self) -> io::Result<Bytes> {
        Ok(Bytes::from(match self {
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Gzip(encoder) => encoder.finish()?,
        }))
    }
}

/// The compression can't go on.
struct Broken;

/// Content to compress, and its compressed form. If it is dropped before its end, the compressed form breaks.
pub(crate) struct Encoding {
    source: ContentReader,
    target: ContentWriter,
    coding: ContentCoding,
}

impl Encoding {
    /// Compresses all of the source. The compressed form breaks if the source does.
    pub(crate) async fn run(self) {
        let Ok(encoder) = Encoder::new(self.coding) else {
            return;
        };
        let mut encoding = Running {
            encoder,
            source: self.source,
            target: self.target,
            rest: Bytes::new(),
            unflushed: false,
        };
        let compressed = poll_fn(|context| encoding.poll(context)).await;
        // An encoder that writes to memory fails only for lack of memory.
        if let (Ok(()), Ok(last)) = (compressed, encoding.encoder.finish()) {
            encoding.target.push(last);
            encoding.target.finish();
        }
    }
}

struct Running {
    encoder: Encoder,
    source: ContentReader,
    target: ContentWriter,
    /// Read, but not compressed yet.
    rest: Bytes,
    /// Whether the encoder holds back output.
    unflushed: bool,
}

impl Running {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        ready!(self.target.poll_ready(context));
        if self.rest.is_empty() {
            match self.source.poll_next(context) {
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Ok(bytes))) => self.rest = bytes,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Broken)),
                // The next bytes may take long, and a client may wait for these.
                Poll::Pending => {
                    return self
                        .flush()
                        .map_or(Poll::Ready(Err(Broken)), |()| Poll::Pending);
                }
            }
        }
        let slice = self
            .rest
            .split_to(self.rest.len().min(ENCODING_SLICE_BYTES));
        if self.encoder.writer().write_all(&slice).is_err() {
            return Poll::Ready(Err(Broken));
        }
        self.unflushed = true;
        self.target.push(self.encoder.take_output());
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unflushed) {
            self.encoder.writer().flush()?;
            self.target.push(self.encoder.take_output());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
