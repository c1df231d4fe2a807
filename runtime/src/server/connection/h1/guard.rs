//! Owns the judgement of heads as raw bytes, before hyper sees them. Hyper repairs some requests that others on
//! the way may have read differently (two lengths, a length beside a coding), and answers those it cannot read
//! without a body; here both are refused, with the same problem details as every other failure.
//! The checks of a head whose framing is sound are left to `head`.

mod chunks;

use std::mem::MaybeUninit;

use http::{Uri, header};
use httparse::{Request, Status};

use self::chunks::Chunks;
use crate::failure::Failure;
use crate::server::limits::MAX_TARGET_BYTES;
use crate::settings::ServerLimits;
use crate::settings::limits::HEADER_COUNT_CEILING;

/// Follows the messages of one connection from head to head.
#[derive(Debug)]
pub(crate) struct Guard {
    expects: Expects,
    /// The part of a head that arrived in earlier reads; empty as long as heads arrive whole.
    partial: Vec<u8>,
    max_header_bytes: usize,
    max_header_count: usize,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Expects {
    Head,
    /// Content of which so many bytes are still to come.
    Content(u64),
    Chunks(Chunks),
    /// Chunks that cannot be followed. Hyper meets the same bytes, fails the content and ends the connection.
    Anything,
    Nothing(Failure),
}

/// How a head says that its content is framed.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

impl Guard {
    pub(crate) fn new(limits: &ServerLimits) -> Self {
        Self {
            expects: Expects::Head,
            partial: Vec::new(),
            max_header_bytes: limits.max_header_bytes,
            max_header_count: limits.max_header_count.min(HEADER_COUNT_CEILING),
        }
    }

    /// Why nothing more may be read from the connection.
    pub(crate) fn refusal(&self) -> Option<&Failure> {
        match &self.expects {
            Expects::Nothing(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether a head has begun whose rest is still to come.
    pub(crate) fn has_partial_head(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Judges bytes that were read, and says how many of them hyper may see. Fewer than all means a refusal.
    pub(crate) fn inspect(&mut self, bytes: &[u8]) -> usize {
        let mut seen = 0;
        while seen < bytes.len() {
            let rest = &bytes[seen..];
            seen += match &mut self.expects {
                Expects::Head => match self.inspect_head(rest) {
                    Ok(seen) => seen,
                    Err(failure) => {
                        self.expects = Expects::Nothing(failure);
                        return seen;
                    }
                },
                Expects::Content(remaining) => take_content(remaining, rest.len()),
                Expects::Chunks(chunks) => chunks.skip(rest),
                Expects::Anything => return bytes.len(),
                Expects::Nothing(_) => return seen,
            };
            self.settle();
        }
        seen
    }

    /// Moves on when a content has ended.
    fn settle(&mut self) {
        match &self.expects {
            Expects::Content(0) => self.expects = Expects::Head,
            Expects::Chunks(chunks) if chunks.are_complete() => self.expects = Expects::Head,
            Expects::Chunks(chunks) if chunks.are_malformed() => self.expects = Expects::Anything,
            _ => {}
        }
    }

    /// Reads a head that begins in earlier reads or in `bytes`, and says how many of `bytes` belong to it.
    fn inspect_head(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        if self.partial.is_empty() {
            return match self.parse(bytes)? {
                Some((head_bytes, framing)) => Ok(self.begin_content(head_bytes, &framing)),
                None => self.keep_partial(bytes),
            };
        }
        let before = self.partial.len();
        self.partial.extend_from_slice(bytes);
        // A head ends with a line, so that only a read that ends one is worth another look.
        let parsed = if bytes.contains(&b'\n') {
            self.parse(&self.partial)?
        } else {
            None
        };
        let Some((head_bytes, framing)) = parsed else {
            return self.keep_partial(&[]).map(|_| bytes.len());
        };
        self.partial = Vec::new();
        Ok(self.begin_content(head_bytes - before, &framing))
    }

    fn keep_partial(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        self.partial.extend_from_slice(bytes);
        if self.partial.len() < self.max_header_bytes {
            return Ok(bytes.len());
        }
        Err(too_large(&self.partial))
    }

    fn begin_content(&mut self, head_bytes: usize, framing: &Framing) -> usize {
        self.expects = match framing {
            Framing::Length(length) => Expects::Content(*length),
            Framing::Chunked => Expects::Chunks(Chunks::default()),
        };
        head_bytes
    }

    /// The length of the head and its framing; `None` if it is not complete yet.
    fn parse(&self, bytes: &[u8]) -> Result<Option<(usize, Framing)>, Failure> {
        let mut fields = [const { MaybeUninit::uninit() }; HEADER_COUNT_CEILING];
        let mut head = Request::new(&mut []);
        let fields = &mut fields[..self.max_header_count];
        match head
            .parse_with_uninit_headers(bytes, fields)
            .map_err(unreadable)?
        {
            Status::Partial => Ok(None),
            Status::Complete(length) if length > self.max_header_bytes => Err(too_large(bytes)),
            Status::Complete(length) => {
                check_target(head.path.unwrap_or_default())?;
                Ok(Some((length, framing(&head)?)))
            }
        }
    }
}

/// Hyper answers a target that it cannot read, such as a query with `<`, without a log line; so it never gets one.
fn check_target(target: &str) -> Result<(), Failure> {
    let is_plain =
        |byte| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~');
    if target.len() > MAX_TARGET_BYTES {
        Err(Failure::UriTooLong)
    } else if target.starts_with('/') && target.bytes().all(is_plain)
        || Uri::try_from(target).is_ok()
    {
        Ok(())
    } else {
        Err(malformed(
            "the request target has bytes that a URI does not have",
        ))
    }
}

fn take_content(remaining: &mut u64, available: usize) -> usize {
    let taken = usize::try_from(*remaining).map_or(available, |remaining| remaining.min(available));
    *remaining -= taken as u64;
    taken
}

/// RFC 9112 §6.3, without the repairs that it allows: any doubt about where a message ends is refused.
fn framing(head: &Request<'_, '_>) -> Result<Framing, Failure> {
    let mut framing = None;
    for field in head.headers.iter() {
        let stated = if field
            .name
            .eq_ignore_ascii_case(header::CONTENT_LENGTH.as_str())
        {
            Framing::Length(content_length(field.value)?)
        } else if field
            .name
            .eq_ignore_ascii_case(header::TRANSFER_ENCODING.as_str())
        {
            transfer_coding(field.value, head.version)?
        } else {
            continue;
        };
        if framing.replace(stated).is_some() {
            return Err(malformed("the length of the content is stated twice"));
        }
    }
    Ok(framing.unwrap_or(Framing::Length(0)))
}

/// RFC 9110 §8.6: digits and nothing else.
fn content_length(value: &[u8]) -> Result<u64, Failure> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok());
    length.ok_or(malformed("the Content-Length is not a number"))
}

/// RFC 9112 §6.1: HTTP/1.0 has no codings; of those of HTTP/1.1 only `chunked` can be undone here. Where it is not the last
/// one, nobody can tell where the content ends (§6.3).
fn transfer_coding(value: &[u8], version: Option<u8>) -> Result<Framing, Failure> {
    let mut codings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let ends_chunked = codings.next_back().is_some_and(is_chunked);
    if version != Some(1) || !ends_chunked || codings.clone().any(is_chunked) {
        return Err(malformed("the last Transfer-Encoding is not chunked"));
    }
    match codings.next() {
        None => Ok(Framing::Chunked),
        Some(_) => Err(Failure::CodingNotImplemented),
    }
}

fn unreadable(error: httparse::Error) -> Failure {
    malformed(match error {
        httparse::Error::TooManyHeaders => return Failure::HeadersTooLarge,
        httparse::Error::HeaderName => "a field name is malformed",
        httparse::Error::HeaderValue => "a field value is malformed",
        httparse::Error::NewLine => "a line does not end with CR LF",
        httparse::Error::Version => "the version is not HTTP/1.0 or HTTP/1.1",
        httparse::Error::Token | httparse::Error::Status => "the request line is malformed",
    })
}

/// A head too large of which not even the first line is complete has a target that is too long.
fn too_large(head: &[u8]) -> Failure {
    if head.trim_ascii_start().contains(&b'\n') {
        Failure::HeadersTooLarge
    } else {
        Failure::UriTooLong
    }
}

fn malformed(detail: &'static str) -> Failure {
    Failure::BadRequest { detail }
}

#[cfg(test)]
mod tests;
