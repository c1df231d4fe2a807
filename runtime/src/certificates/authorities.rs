//! Owns the authorities that sign the certificates of other servers, where a file names them instead of those that browsers know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::CertificateError;

/// The authorities of a file. Two are equal if their file is the same.
#[derive(Clone, Debug)]
pub struct Authorities {
    file: PathBuf,
    roots: Arc<RootCertStore>,
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl Eq for Authorities {}

impl Authorities {
    /// Reads a file of certificates in PEM.
    ///
    /// # Errors
    /// When it cannot be read, or has no certificate of an authority.
    pub(crate) fn read(file: &Path) -> Result<Self, CertificateError> {
        let text = std::fs::read(file).map_err(|error| CertificateError::Unreadable {
            file: file.to_owned(),
            message: error.to_string(),
        })?;
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
        if roots.add_parsable_certificates(certificates).0 == 0 {
            let file = file.to_owned();
            return Err(CertificateError::NoCertificate { file });
        }
        Ok(Self {
            file: file.to_owned(),
            roots: Arc::new(roots),
        })
    }

    /// The certificates.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }
}
