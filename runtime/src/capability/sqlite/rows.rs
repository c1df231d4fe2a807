//! The rows of a result as a stream. All of them have been read: a half-read statement would block its database.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use storage::sql::{Reader, Rows};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Access, Destination, FutureReader, StreamProducer, StreamReader, StreamResult, VecBuffer,
};

use super::{HasCapabilities, v3};

/// The columns, the rows, and a future for the outcome.
pub(super) type Stream = (
    Vec<String>,
    StreamReader<v3::RowResult>,
    FutureReader<Result<(), v3::Error>>,
);

/// The stream of a result. Its reader is told of the rows that the guest leaves.
pub(super) fn stream<T: 'static>(
    mut access: Access<'_, T, HasCapabilities>,
    rows: Rows,
    reader: Option<Reader>,
) -> wasmtime::Result<Stream> {
    let v3::QueryResult { columns, rows } = rows.into();
    let unread = UnreadRows {
        rows: rows.into_iter(),
        reader,
    };
    let rows = StreamReader::new(&mut access, unread)?;
    let outcome = FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })?;
    Ok((columns, rows, outcome))
}

/// The rows that the guest has not read yet.
struct UnreadRows {
    rows: vec::IntoIter<v3::RowResult>,
    reader: Option<Reader>,
}

impl<D> StreamProducer<D> for UnreadRows {
    type Item = v3::RowResult;
    type Buffer = VecBuffer<v3::RowResult>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let rows = &mut self.get_mut().rows;
        let asked = destination.remaining(store).unwrap_or(rows.len());
        let given: Vec<_> = rows.take(asked).collect();
        destination.set_buffer(given.into());
        Poll::Ready(Ok(match rows.len() {
            0 => StreamResult::Dropped,
            _ => StreamResult::Completed,
        }))
    }
}

impl Drop for UnreadRows {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader
            && self.rows.len() > 0
        {
            reader.leave(self.rows.len() as u64);
        }
    }
}
