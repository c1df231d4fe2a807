//! Bytes in order, each piece at its place.

use bytes::Bytes;

use crate::limits::MAX_SINGLE_PIECE_BYTES;

/// Bytes in order, with the offset of each piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<(u64, Bytes)>,
    pub(super) end: u64,
}

impl Pieces {
    /// The offset of the first byte that is not dropped.
    pub(super) fn start(&self) -> u64 {
        self.pieces.first().map_or(self.end, |(start, _)| *start)
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        let start = self.end;
        self.end += bytes.len() as u64;
        self.pieces.push((start, bytes));
    }

    /// Drops the pieces that lie wholly before `position`.
    pub(super) fn forget_before(&mut self, position: u64) {
        let behind = self
            .pieces
            .partition_point(|(start, piece)| start + piece.len() as u64 <= position);
        self.pieces.drain(..behind);
    }

    /// The bytes from `position` on that lie in one piece. The search begins with the piece `hint`.
    pub(super) fn at(&self, position: u64, hint: &mut usize) -> Option<Bytes> {
        let holds = |index: &usize| {
            self.pieces.get(*index).is_some_and(|(start, piece)| {
                (*start..start + piece.len() as u64).contains(&position)
            })
        };
        let index = [*hint, *hint + 1].into_iter().find(holds).or_else(|| {
            let after = self.pieces.partition_point(|(start, _)| *start <= position);
            after.checked_sub(1).filter(holds)
        })?;
        *hint = index;
        let (start, piece) = &self.pieces[index];
        let offset = usize::try_from(position - start).expect("it lies within the piece");
        Some(piece.slice(offset..))
    }

    /// Joins short content into one piece, and shrinks the list of long content.
    pub(super) fn compact(mut self) -> Self {
        if self.pieces.len() > 1 && self.end - self.start() <= MAX_SINGLE_PIECE_BYTES {
            let start = self.start();
            let bytes: Vec<Bytes> = self.pieces.drain(..).map(|(_, piece)| piece).collect();
            self.pieces.push((start, Bytes::from(bytes.concat())));
        }
        self.pieces.shrink_to_fit();
        self
    }
}
