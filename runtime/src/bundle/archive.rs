//! The archive itself: entries of one kind, each with a header that follows from its name and its length.
//! What the entries mean is left to the callers.

use std::io::{self, Read, Write};

use ring::digest::{Context, SHA256};
use tar::Header;

use crate::fault::Reason;

/// The unit of an archive, in bytes.
const BLOCK: usize = 512;

/// How much is read at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// Empty blocks at the end.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// How long an archive with entries of these lengths is, in bytes; none if no number can say it.
pub(super) fn length(entries: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut sum = END.len() as u64;
    for entry in entries {
        let padded = entry.checked_next_multiple_of(BLOCK as u64)?;
        sum = sum.checked_add(padded)?.checked_add(BLOCK as u64)?;
    }
    Some(sum)
}

/// The header of a regular file, the same on every machine.
fn header(name: &str, length: u64) -> Result<[u8; BLOCK], Reason> {
    let mut header = Header::new_ustar();
    header.set_path(name).map_err(|error| {
        let reason = Reason::new(format!("`{name}` cannot be in a bundle: {error}"));
        reason.help("give the file and its folders shorter names")
    })?;
    header.set_size(length);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// An archive that is written.
pub(super) struct Writer<W>(pub(super) W);

impl<W: Write> Writer<W> {
    /// Adds an entry of that length, and gives the SHA-256 of its content.
    pub(super) fn entry(
        &mut self,
        name: &str,
        length: u64,
        content: impl Read,
    ) -> Result<String, Reason> {
        self.put(&header(name, length)?)?;
        let digest = copy(name, length, content, &mut self.0)?;
        self.put(&END[..padding(length)])?;
        Ok(digest)
    }

    /// Ends the archive.
    pub(super) fn end(&mut self) -> Result<(), Reason> {
        self.put(&END)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.0.write_all(bytes).map_err(unwritable)
    }
}

/// An archive that is read.
pub(super) struct Reader<R>(pub(super) R);

impl<R: Read> Reader<R> {
    /// The next entry, which must have that name and be at most so long. Nothing longer is read.
    pub(super) fn small(&mut self, name: &str, longest: u64) -> Result<Vec<u8>, Reason> {
        let found = self.block(name)?;
        let is_ours = |length: &u64| header(name, *length).is_ok_and(|own| own == found);
        let declared = Header::from_byte_slice(&found).entry_size();
        let declared = declared.ok().filter(is_ours).ok_or_else(|| {
            let what = format!("is not a bundle: there is no `{name}` where one has it");
            Reason::new(what).help("make bundles with `terrace bundle`")
        })?;
        if declared > longest {
            let what =
                format!("`{name}` is declared to be {declared} bytes long; it may be {longest}");
            return Err(Reason::new(what).help("make the bundle again"));
        }
        let mut content = Vec::new();
        copy(name, declared, &mut self.0, &mut content)?;
        self.padding(name, declared)?;
        Ok(content)
    }

    /// Passes the next entry on, which must have that name and length, and gives the SHA-256 of its content.
    pub(super) fn entry(
        &mut self,
        name: &str,
        length: u64,
        sink: &mut dyn Write,
    ) -> Result<String, Reason> {
        if self.block(name)? != header(name, length)? {
            return Err(changed(name));
        }
        let digest = copy(name, length, &mut self.0, sink)?;
        self.padding(name, length)?;
        Ok(digest)
    }

    /// Checks that the archive ends here, as one does.
    pub(super) fn end(&mut self) -> Result<(), Reason> {
        let name = "its end";
        for _ in 0..END.len() / BLOCK {
            if self.block(name)? != END[..BLOCK] {
                return Err(changed(name));
            }
        }
        match self.0.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(changed(name)),
            Err(error) => Err(unreadable(name, &error)),
        }
    }

    fn padding(&mut self, name: &str, length: u64) -> Result<(), Reason> {
        let mut found = [0; BLOCK];
        let found = &mut found[..padding(length)];
        self.0
            .read_exact(found)
            .map_err(|error| unreadable(name, &error))?;
        match found.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(changed(name)),
        }
    }

    fn block(&mut self, name: &str) -> Result<[u8; BLOCK], Reason> {
        let mut block = [0; BLOCK];
        let read = self.0.read_exact(&mut block);
        read.map_err(|error| unreadable(name, &error))?;
        Ok(block)
    }
}

/// A bundle that is not as it was made.
pub(super) fn changed(name: &str) -> Reason {
    let what = format!("`{name}` is not as it was when the bundle was made");
    Reason::new(what).help("copy the bundle again, or make it again")
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(content: &[u8]) -> String {
    hexadecimal(ring::digest::digest(&SHA256, content).as_ref())
}

/// SHA-256 of a content of that length, in hexadecimal.
pub(super) fn digest(name: &str, length: u64, content: impl Read) -> Result<String, Reason> {
    copy(name, length, content, &mut io::sink())
}

/// Passes so many bytes on, and gives their SHA-256.
fn copy(
    name: &str,
    length: u64,
    mut content: impl Read,
    sink: &mut dyn Write,
) -> Result<String, Reason> {
    let mut context = Context::new(&SHA256);
    let mut buffer = [0; BUFFER];
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
        let read = content.read(&mut buffer[..most]);
        let read = match read {
            Ok(0) => return Err(unreadable(name, &io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(name, &error)),
        };
        context.update(&buffer[..read]);
        sink.write_all(&buffer[..read]).map_err(unwritable)?;
        left -= read as u64;
    }
    Ok(hexadecimal(context.finish().as_ref()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many bytes are between the end of a content and the next block.
fn padding(length: u64) -> usize {
    let over = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

fn unreadable(name: &str, error: &io::Error) -> Reason {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let what = format!("is cut short: it ends before or within `{name}`");
        return Reason::new(what).help("copy the file again");
    }
    Reason::new(format!("`{name}` cannot be read: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of `map_err`")]
fn unwritable(error: io::Error) -> Reason {
    Reason::new(format!("the contents cannot be written: {error}"))
        .help("make room on the disk, or choose another folder")
}
