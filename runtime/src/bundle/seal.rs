//! The seal of a bundle: the digest of its index, and who vouches for it.

use serde::{Deserialize, Serialize};

use super::archive;
use super::key::{PublicKey, SigningKey};
use crate::fault::Reason;

/// The seal as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    /// SHA-256 of the index in hexadecimal.
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// The public key.
    key: String,
    /// The signature of [`message`] in base64.
    ed25519: String,
}

impl Seal {
    /// The seal of an index.
    pub(super) fn new(digest: &str, key: Option<&SigningKey>) -> Self {
        let signature = key.map(|key| Signature {
            key: key.public().to_string(),
            ed25519: key.sign(message(digest).as_bytes()),
        });
        Self {
            digest: digest.to_owned(),
            signature,
        }
    }

    /// The seal as bytes, the same on every machine.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Reason> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks the seal in these bytes, and gives the key that signed it, if there is one.
    pub(super) fn check(bytes: &[u8], digest: &str) -> Result<Option<PublicKey>, Reason> {
        let changed = || archive::changed("the seal");
        let seal: Self = serde_json::from_slice(bytes).map_err(|_| changed())?;
        if seal.to_bytes()? != bytes {
            return Err(changed());
        }
        if seal.digest != digest {
            return Err(archive::changed("the index"));
        }
        let Some(signature) = seal.signature else {
            return Ok(None);
        };
        let key = PublicKey::parse(&signature.key).map_err(|_| changed())?;
        if !key.has_signed(message(digest).as_bytes(), &signature.ed25519) {
            let what = "has a signature that is not of its contents";
            return Err(Reason::new(what).help("copy the bundle again, or sign it again"));
        }
        Ok(Some(key))
    }
}

/// What is signed. It begins so that no signature for something else is one for a bundle.
fn message(digest: &str) -> String {
    format!("terrace bundle sha256:{digest}\n")
}
