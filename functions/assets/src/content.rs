//! The content of a response: bytes of a file, from memory or piece by piece from the file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use terrace_sdk::{Body, BodyError};

use crate::limits::{MAX_READ_AT_ONCE_BYTES, PIECE_BYTES};
use crate::site::Asset;

/// The bytes of a file from `first` on, `count` of them. Only these are read.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn part(asset: Asset, first: u64, count: u64) -> io::Result<Body> {
    let mut file = asset.file;
    if let Some(content) = asset.identified.content {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        return Ok(content.slice(first..first + count).into());
    }
    file.seek(SeekFrom::Start(first))?;
    if count > MAX_READ_AT_ONCE_BYTES {
        return Ok(Body::stream(Pieces { file, left: count }));
    }
    let piece = read(&mut file, count)?;
    if piece.len() as u64 == count {
        Ok(piece.into())
    } else {
        Err(shortened())
    }
}

/// The rest of a file's part, read as the client takes it.
struct Pieces {
    file: File,
    left: u64,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let count = self.left.min(PIECE_BYTES);
        let piece = match read(&mut self.file, count) {
            Ok(piece) if piece.is_empty() => Err(shortened()),
            piece => piece,
        };
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.left -= piece.len() as u64;
                Ok(Frame::data(piece))
            }
            Err(error) => {
                self.left = 0;
                Err(BodyError::Incomplete(error.into()))
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn read(file: &mut File, count: u64) -> io::Result<Bytes> {
    let mut piece = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    file.take(count).read_to_end(&mut piece)?;
    Ok(piece.into())
}

fn shortened() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file became shorter while it was sent",
    )
}
