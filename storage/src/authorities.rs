//! The authorities whose signatures on the certificates of servers are trusted.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The authorities of a file; without one, those that browsers trust.
///
/// # Errors
///
/// What is wrong with the file, if it cannot be read or has no certificate.
pub(crate) fn trusted(file: Option<&Path>) -> Result<RootCertStore, String> {
    let Some(file) = file else {
        return Ok(RootCertStore::from_iter(
            webpki_roots::TLS_SERVER_ROOTS.iter().cloned(),
        ));
    };
    let fail = |message: String| format!("{}: {message}", file.display());
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| fail(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fail(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| fail(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fail("the file has no certificate".to_owned()));
    }
    Ok(roots)
}
