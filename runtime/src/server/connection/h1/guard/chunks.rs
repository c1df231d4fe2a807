//! Owns the search for the end of chunked content (RFC 9112 §7.1). It only follows the chunks; taking them
//! apart, and refusing malformed ones, is left to hyper.

/// Where in chunked content the next byte stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// At the first digit of a size.
    #[default]
    Start,
    /// After some digits of a size.
    Size(u64),
    /// Between a size and the end of its line: an extension, or the CR.
    SizeRest(u64),
    /// Inside a chunk, or at the CR and LF behind it, of which so many bytes are left.
    Data(u64),
    /// At the beginning of a line of the trailer section.
    TrailerStart,
    /// At the LF of the empty line that ends everything.
    LastLineFeed,
    /// Inside a line of the trailer section.
    Trailer,
    Complete,
    Malformed,
}

/// The CR and LF that follow the data of a chunk.
const DATA_END_BYTES: u64 = 2;

impl Chunks {
    pub(super) fn are_complete(self) -> bool {
        self == Self::Complete
    }

    pub(super) fn are_malformed(self) -> bool {
        self == Self::Malformed
    }

    /// Follows the chunks through `bytes` and says how many of them belong to the content.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> usize {
        let mut seen = 0;
        while seen < bytes.len() && !self.are_complete() && !self.are_malformed() {
            if let Self::Data(remaining) = *self {
                let taken = usize::try_from(remaining)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len() - seen);
                seen += taken;
                *self = Self::after_data(remaining - taken as u64);
            } else {
                *self = self.after(bytes[seen]);
                seen += 1;
            }
        }
        seen
    }

    fn after_data(remaining: u64) -> Self {
        if remaining == 0 {
            Self::Start
        } else {
            Self::Data(remaining)
        }
    }

    /// The place behind `byte`, anywhere but inside a chunk.
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Start, _) => hex_digit(byte).map_or(Self::Malformed, Self::Size),
            (Self::Size(size) | Self::SizeRest(size), b'\n') => Self::after_size_line(size),
            (Self::Size(size), _) => Self::after_size_byte(size, byte),
            (Self::TrailerStart, b'\r') => Self::LastLineFeed,
            (Self::LastLineFeed, b'\n') => Self::Complete,
            (Self::LastLineFeed, _) => Self::Malformed,
            (Self::Trailer, b'\n') => Self::TrailerStart,
            (Self::TrailerStart | Self::Trailer, _) => Self::Trailer,
            (Self::SizeRest(_) | Self::Data(_) | Self::Complete | Self::Malformed, _) => self,
        }
    }

    fn after_size_byte(size: u64, byte: u8) -> Self {
        match hex_digit(byte) {
            Some(digit) if size <= u64::MAX >> 8 => Self::Size(size << 4 | digit),
            Some(_) => Self::Malformed,
            None => Self::SizeRest(size),
        }
    }

    fn after_size_line(size: u64) -> Self {
        if size == 0 {
            Self::TrailerStart
        } else {
            Self::Data(size + DATA_END_BYTES)
        }
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}
