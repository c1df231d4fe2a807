//! Owns the certificate with which this server shows to an authority that a name is its own (TLS-ALPN-01, RFC 8737).

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;

use super::CertificateError;

/// The protocol with which an authority asks for it (RFC 8737 §6.2).
pub const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// What an authority asks for while it issues a certificate.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) name: String,
    pub(super) digest: Vec<u8>,
    pub(super) key: Arc<CertifiedKey>,
}

impl Challenge {
    /// The answer for a name. `digest` is that of the key authorization.
    pub(super) fn new(name: &str, digest: &[u8]) -> Result<Self, CertificateError> {
        let failed = |message: String| CertificateError::Challenge {
            name: name.to_owned(),
            message,
        };
        if digest.len() != DIGEST_BYTES {
            return Err(failed("its digest has another length".to_owned()));
        }
        let made = || {
            let mut params = CertificateParams::new([name.to_owned()])?;
            params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
            let pair = KeyPair::generate()?;
            let certificate = params.self_signed(&pair)?;
            Ok((certificate, pair))
        };
        let (certificate, pair) =
            made().map_err(|error: rcgen::Error| failed(error.to_string()))?;
        let chain = vec![certificate.der().clone()];
        let key = PrivatePkcs8KeyDer::from(pair.serialize_der()).into();
        let key = any_supported_type(&key).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            digest: digest.to_owned(),
            // Not judged: it has a critical extension that only authorities know.
            key: Arc::new(CertifiedKey::new(chain, key)),
        })
    }
}

/// The length of a digest by SHA-256.
const DIGEST_BYTES: usize = 32;
