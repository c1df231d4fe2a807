//! Owns one certificate with its key: reads and judges it, from files or from texts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use super::CertificateError;
use crate::clock;

/// The files of one certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate from files, as they were when they were read.
#[derive(Clone, Debug)]
pub struct FileCertificate {
    files: CertificateFiles,
    pub(super) loaded: Loaded,
}

/// A certificate that can be used.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    contents: Contents,
    pub(super) key: Arc<CertifiedKey>,
    /// The names that it is for, in lower case (RFC 5280 §4.2.1.6).
    pub(super) names: Vec<String>,
    pub(super) lifetime: Lifetime,
}

/// A certificate that was ordered for a name, and can be used.
#[derive(Clone, Debug)]
pub struct OrderedCertificate {
    pub(super) name: String,
    pub(super) loaded: Loaded,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// From then on.
    pub from: SystemTime,
    /// Until then.
    pub until: SystemTime,
}

impl Lifetime {
    /// The time until it ends.
    #[must_use]
    pub fn left(&self, now: SystemTime) -> Duration {
        self.until.duration_since(now).unwrap_or_default()
    }

    /// Whether most of it is over: what is left is half of the time in which a certificate is usually renewed.
    #[must_use]
    pub fn is_near_end(&self, now: SystemTime) -> bool {
        let whole = self.until.duration_since(self.from).unwrap_or_default();
        self.left(now) < whole / 6
    }
}

/// The bytes of the files, by which a renewal is noticed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Contents(..)")
    }
}

impl CertificateFiles {
    fn read(&self) -> Result<Contents, CertificateError> {
        let read = |file: &Path| {
            std::fs::read(file).map_err(|error| CertificateError::Unreadable {
                file: file.to_owned(),
                message: error.to_string(),
            })
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }
}

impl PartialEq for FileCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files && self.loaded.contents == other.loaded.contents
    }
}

impl Eq for FileCertificate {}

impl FileCertificate {
    /// Reads and judges the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(files: CertificateFiles) -> Result<Self, CertificateError> {
        let loaded = Loaded::new(files.read()?, &files)?;
        Ok(Self { files, loaded })
    }

    /// The certificate of files that have changed.
    pub(super) fn renewed(&self) -> Result<Option<Self>, CertificateError> {
        let contents = self.files.read()?;
        if contents == self.loaded.contents {
            return Ok(None);
        }
        let files = self.files.clone();
        let renewed = Loaded::new(contents, &files)?;
        let names = &self.loaded.names;
        let is_same = names.iter().any(|name| renewed.names.contains(name));
        if !names.is_empty() && !is_same {
            return Err(CertificateError::OtherNames {
                file: files.certificate,
                names: renewed.names.join(", "),
            });
        }
        let loaded = renewed;
        Ok(Some(Self { files, loaded }))
    }
}

impl OrderedCertificate {
    /// Judges a certificate for a name, and its key, in PEM. `place` says where they come from.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        name: &str,
        certificate: &str,
        key: &str,
        place: &str,
    ) -> Result<Self, CertificateError> {
        let at = CertificateFiles {
            certificate: place.into(),
            key: place.into(),
        };
        let contents = Contents {
            certificate: certificate.into(),
            key: key.into(),
        };
        let loaded = Loaded::new(contents, &at)?;
        let name = name.to_owned();
        if !loaded.names.contains(&name) {
            let place = place.into();
            return Err(CertificateError::OtherName { place, name });
        }
        Ok(Self { name, loaded })
    }

    /// When it is valid.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.loaded.lifetime
    }
}

impl Loaded {
    /// Judges a certificate that comes from these places.
    pub(super) fn new(contents: Contents, at: &CertificateFiles) -> Result<Self, CertificateError> {
        let no_certificate = || CertificateError::NoCertificate {
            file: at.certificate.clone(),
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&contents.certificate).collect();
        let chain = chain.map_err(|_| no_certificate())?;
        let first = chain.first().ok_or_else(no_certificate)?;
        let first = Certificate::from_der(first).map_err(|_| no_certificate())?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key);
        let no_key = || CertificateError::NoKey {
            file: at.key.clone(),
        };
        let key = key.map_err(|_| no_key())?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let key = key.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::OtherKey {
                certificate: at.certificate.clone(),
                key: at.key.clone(),
            },
            _ => no_key(),
        })?;
        let validity = first.tbs_certificate().validity();
        let time = |time: &Time| SystemTime::UNIX_EPOCH + time.to_unix_duration();
        let lifetime = Lifetime {
            from: time(&validity.not_before),
            until: time(&validity.not_after),
        };
        if let Ok(ago) = clock::time_of_day().duration_since(lifetime.until) {
            let file = at.certificate.clone();
            return Err(CertificateError::Expired { file, ago });
        }
        Ok(Self {
            contents,
            key: Arc::new(key),
            names: names(&first),
            lifetime,
        })
    }

    #[cfg(test)]
    pub(super) fn pem(&self) -> &[u8] {
        &self.contents.certificate
    }
}

/// The host names of a certificate, in lower case.
fn names(certificate: &Certificate) -> Vec<String> {
    let tbs = certificate.tbs_certificate();
    let alternative = tbs.get_extension::<SubjectAltName>().ok().flatten();
    let names = alternative.into_iter().flat_map(|(_, names)| names.0);
    let hosts = names.filter_map(|name| match name {
        GeneralName::DnsName(host) => Some(host.as_str().to_ascii_lowercase()),
        _ => None,
    });
    hosts.collect()
}
