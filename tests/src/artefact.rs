//! Components to serve, and files that are none.

use std::env;
use std::path::{Path, PathBuf};

use crate::process::workspace;

/// The component of a guest or function of this workspace.
///
/// # Panics
/// When it was not built; the message says how to build it.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    let given = env::var_os("TERRACE_GUESTS").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| workspace().join("target/wasm32-wasip2/guest"));
    let path = folder.join(format!("{}.wasm", name.replace('-', "_")));
    assert!(
        path.is_file(),
        "the guest {name} is not at {}: run `cargo xtask guests`, or set TERRACE_GUESTS",
        path.display()
    );
    path
}

/// A file that no app can be served from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// A core module where a component is expected.
    CoreModule,
    /// A component that exports no handler.
    NoHandler,
    /// A component that exports a handler of 0.2 and one of 0.3.
    TwoHandlers,
    /// The first half of a component.
    Truncated,
    /// Bytes that are no WebAssembly.
    Noise,
    /// Nothing at all.
    Empty,
}

impl Unusable {
    /// Writes the file into `folder` and gives its path.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn write(self, folder: &Path) -> PathBuf {
        let path = folder.join("unusable.wasm");
        std::fs::write(&path, self.bytes()).expect("a test's own folder can be written");
        path
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::CoreModule => assemble("(module (func (export \"run\")))"),
            Self::NoHandler => assemble("(component)"),
            Self::TwoHandlers => assemble(
                r#"(component
                    (instance $handler)
                    (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
                    (export "wasi:http/handler@0.3.0" (instance $handler)))"#,
            ),
            Self::Truncated => {
                let whole = std::fs::read(guest("faults-p2")).expect("the guest is there");
                whole[..whole.len() / 2].to_vec()
            }
            Self::Noise => (0..4096_u32)
                .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect(),
            Self::Empty => Vec::new(),
        }
    }
}

fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("tests write valid WebAssembly text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_assemble() {
        for unusable in [
            Unusable::CoreModule,
            Unusable::NoHandler,
            Unusable::TwoHandlers,
        ] {
            assert!(unusable.bytes().starts_with(b"\0asm"), "{unusable:?}");
        }
    }
}
