//! Checks that the build commands of a component have written its WebAssembly file.
//! Whether it can be served is judged when it is loaded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::fault::Reason;

/// The first bytes of every WebAssembly file.
const MAGIC: &[u8] = b"\0asm";

/// Checks that a component's source is WebAssembly.
///
/// # Errors
/// The file is absent or something else.
pub(super) fn check(source: &Path) -> Result<(), Reason> {
    let wrong = match is_wasm(source) {
        Ok(true) => return Ok(()),
        Ok(false) => "is not WebAssembly".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    let source = source.display();
    let reason = Reason::new(format!(
        "its commands ran, but its source `{source}` {wrong}"
    ));
    Err(reason.help("make `source` name the WebAssembly file that the build commands write"))
}

fn is_wasm(source: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    let length = MAGIC.len() as u64;
    File::open(source)?.take(length).read_to_end(&mut start)?;
    Ok(start == MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_webassembly_or_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("hello.wasm");
        let refusal = || check(&source).unwrap_err().message;
        assert!(refusal().ends_with("is not there"));
        for content in ["", "\0as", "(component)"] {
            std::fs::write(&source, content).unwrap();
            assert!(refusal().ends_with("is not WebAssembly"), "{content}");
        }
        std::fs::write(&source, "\0asm and more").unwrap();
        assert_eq!(check(&source), Ok(()));
        assert!(
            check(folder.path())
                .unwrap_err()
                .message
                .contains("cannot be read")
        );
    }
}
