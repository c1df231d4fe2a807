//! Owns bundles: one file with all of an app, whose every byte is checked before it is used.
//! Serving an app from one is left to `serving`.
//!
//! A bundle is a tar archive of the strictest kind. Its first entry is the [`Index`], which names every file with its SHA-256; the
//! second is the seal: the digest of the index, and a signature over that if there is one. The contents follow in the order of
//! the index, and then machine code of the components, if it was wanted. Nothing else in the file is free: from the index follow the header of each entry and the length of the whole, so the
//! same app gives the same bytes, and a changed byte is found wherever it is.

mod archive;
mod contents;
mod index;
mod key;
pub mod limits;
mod read;
mod seal;
#[cfg(test)]
mod tests;
mod write;

pub use contents::{Contents, check_inside};
pub use index::{CompiledCode, Index, IndexedFile, is_digest, short_digest};
pub use key::{PublicKey, SigningKey};
pub use read::{compiled, read};
pub use write::write;

impl CompiledCode {
    /// The entry of this code, compiled from a component for a processor by an engine with this fingerprint. `wasm` is the engine's digest of the
    /// component.
    #[must_use]
    pub fn new(component: &str, wasm: String, target: &str, engine: String, code: &[u8]) -> Self {
        Self {
            component: component.to_owned(),
            wasm,
            target: target.to_owned(),
            engine,
            size: code.len() as u64,
            sha256: archive::sha256(code),
        }
    }
}

/// The facts about a bundle whose bytes were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its contents.
    pub index: Index,
    /// SHA-256 of the index in hexadecimal: another digest is another app.
    pub digest: String,
    /// The key that signed it.
    pub signer: Option<PublicKey>,
}
