//! Owns the certificates of the public listener: reads and judges them, chooses one by the name that a client asks for
//! (SNI, RFC 6066 §3), and takes renewed files while connections go on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::clock;

/// The files of one certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{} cannot be read: {message}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        message: String,
    },
    /// The file has no certificate in PEM, or one that is malformed.
    #[error("{} has no certificate in PEM (`-----BEGIN CERTIFICATE-----`)", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The file has no private key in PEM, or one that is malformed or locked with a password.
    #[error("{} has no private key in PEM without a password (`-----BEGIN PRIVATE KEY-----`)", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is another certificate's.
    #[error("the key in {} does not fit the certificate in {}", key.display(), certificate.display())]
    OtherKey {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The certificate is not valid any more.
    #[error("the certificate in {} has expired {} ago", file.display(), days(*.ago))]
    Expired {
        /// The file.
        file: PathBuf,
        /// For how long.
        ago: Duration,
    },
    /// A renewed certificate has no name in common with the one that it would replace.
    #[error("the certificate in {} is for other names ({names}) than the one in use", file.display())]
    OtherNames {
        /// The file.
        file: PathBuf,
        /// The names.
        names: String,
    },
}

fn days(time: Duration) -> String {
    match time.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// The certificates in use. Clones share them.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: Vec<CertificateFiles>,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    /// In the order of the files.
    loaded: Vec<Loaded>,
    /// The position of the certificate for a name, in lower case; a wildcard without its star: `.example.com`.
    by_name: HashMap<String, usize>,
}

/// A certificate that was read.
#[derive(Clone, Debug)]
struct Loaded {
    contents: Contents,
    key: Arc<CertifiedKey>,
    /// The names that it is for, in lower case (RFC 5280 §4.2.1.6).
    names: Vec<String>,
    expires: SystemTime,
}

/// The bytes of the files, by which a renewal is noticed.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Contents(..)")
    }
}

impl CertificateFiles {
    /// Reads and judges the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), CertificateError> {
        self.load(self.read()?).map(drop)
    }

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

    fn load(&self, contents: Contents) -> Result<Loaded, CertificateError> {
        let no_certificate = || CertificateError::NoCertificate {
            file: self.certificate.clone(),
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&contents.certificate).collect();
        let chain = chain.map_err(|_| no_certificate())?;
        let first = chain.first().ok_or_else(no_certificate)?;
        let first = Certificate::from_der(first).map_err(|_| no_certificate())?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key);
        let no_key = || CertificateError::NoKey {
            file: self.key.clone(),
        };
        let key = key.map_err(|_| no_key())?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let key = key.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::OtherKey {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
            },
            _ => no_key(),
        })?;
        let expires = first.tbs_certificate().validity().not_after;
        let expires = SystemTime::UNIX_EPOCH + expires.to_unix_duration();
        if let Ok(ago) = clock::time_of_day().duration_since(expires) {
            let file = self.certificate.clone();
            return Err(CertificateError::Expired { file, ago });
        }
        Ok(Loaded {
            contents,
            key: Arc::new(key),
            names: names(&first),
            expires,
        })
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

impl Certificates {
    /// Reads and judges the files.
    ///
    /// # Errors
    /// What is wrong with the first of them that cannot be used.
    pub fn open(files: Vec<CertificateFiles>) -> Result<Self, CertificateError> {
        let loaded: Result<Vec<_>, _> = files
            .iter()
            .map(|files| files.load(files.read()?))
            .collect();
        let current = ArcSwap::from_pointee(Current::new(loaded?));
        Ok(Self(Arc::new(Shared { files, current })))
    }

    /// When the first of them expires.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        let current = self.0.current.load();
        current.loaded.iter().map(|loaded| loaded.expires).min()
    }

    /// Takes the certificates whose files have changed. One that cannot be used leaves the old one in use. Returns how many
    /// were taken, and why others were not.
    #[must_use]
    pub fn renew(&self) -> (usize, Vec<CertificateError>) {
        let current = self.0.current.load();
        let mut loaded = current.loaded.clone();
        let (mut taken, mut errors) = (0, Vec::new());
        for (files, loaded) in self.0.files.iter().zip(&mut loaded) {
            match loaded.renewed(files) {
                Ok(Some(renewed)) => {
                    *loaded = renewed;
                    taken += 1;
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        if taken > 0 {
            self.0.current.store(Arc::new(Current::new(loaded)));
        }
        (taken, errors)
    }
}

impl Loaded {
    /// The certificate of files that have changed.
    fn renewed(&self, files: &CertificateFiles) -> Result<Option<Self>, CertificateError> {
        let contents = files.read()?;
        if contents == self.contents {
            return Ok(None);
        }
        let renewed = files.load(contents)?;
        let is_same = self.names.iter().any(|name| renewed.names.contains(name));
        if !self.names.is_empty() && !is_same {
            return Err(CertificateError::OtherNames {
                file: files.certificate.clone(),
                names: renewed.names.join(", "),
            });
        }
        Ok(Some(renewed))
    }
}

impl Current {
    fn new(loaded: Vec<Loaded>) -> Self {
        let mut by_name = HashMap::new();
        for (position, loaded) in loaded.iter().enumerate() {
            for name in &loaded.names {
                let name = name.strip_prefix('*').unwrap_or(name);
                by_name.entry(name.to_owned()).or_insert(position);
            }
        }
        Self { loaded, by_name }
    }

    /// The certificate for a name; the first one for a name that none is for, or without a name.
    fn choose(&self, name: Option<&str>) -> Option<&Loaded> {
        let found = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let exact = self.by_name.get(&name);
            // A wildcard stands for one label (RFC 9525 §6.3).
            let wild = || self.by_name.get(&name[name.find('.')?..]);
            exact.or_else(wild)
        });
        self.loaded.get(found.copied().unwrap_or(0))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.current.load();
        let chosen = current.choose(hello.server_name())?;
        Some(Arc::clone(&chosen.key))
    }
}

#[cfg(test)]
mod tests;
