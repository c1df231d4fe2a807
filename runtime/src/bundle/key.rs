//! The keys that sign bundles (Ed25519, RFC 8032) and those that are trusted.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::fault::{Fault, Reason};

/// The beginning of an Ed25519 key as `SubjectPublicKeyInfo` (RFC 8410 §4); the 32 bytes of the key follow.
const PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The length of the key itself, in bytes.
const KEY_BYTES: usize = 32;

/// How to make a key.
const MAKE: &str = "make one with `openssl genpkey -algorithm ed25519 -out sign.pem`";

/// How to write a public key.
const WRITE: &str =
    "write the line between BEGIN and END that `openssl pkey -in sign.pem -pubout` prints";

/// A key that verifies signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl PublicKey {
    /// Parses the base64 of a `SubjectPublicKeyInfo`: the line in the PEM that openssl prints.
    ///
    /// # Errors
    /// If it is not that of an Ed25519 key.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let decoded = STANDARD.decode(text).ok();
        let key = decoded
            .as_ref()
            .and_then(|bytes| bytes.strip_prefix(&PREFIX));
        let key = key.and_then(|key| key.try_into().ok());
        key.map(Self)
            .ok_or_else(|| Reason::new("this is not the public key of an Ed25519 key").help(WRITE))
    }

    /// Whether this key has signed `message`. `signature` is base64.
    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        let signature = STANDARD.decode(signature);
        signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

/// As in the settings.
impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode([&PREFIX[..], &self.0].concat()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl SigningKey {
    /// Reads a private key: PEM with PKCS#8, not encrypted.
    ///
    /// # Errors
    /// If it cannot be read, or is no such key.
    pub fn read(file: &Path) -> Result<Self, Fault> {
        let fault = |what: String| Fault::new(file, Reason::new(what).help(MAKE));
        let pem = std::fs::read(file);
        let pem = pem.map_err(|error| fault(format!("cannot be read: {error}")))?;
        let no_key = || fault("is no private key of Ed25519 in PEM (PKCS#8, not encrypted)".into());
        let PrivateKeyDer::Pkcs8(key) =
            PrivateKeyDer::from_pem_slice(&pem).map_err(|_| no_key())?
        else {
            return Err(no_key());
        };
        // openssl writes the key without its public half.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der());
        pair.map(Self).map_err(|_| no_key())
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    /// The signature of `message` in base64.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.0.sign(message))
    }
}
