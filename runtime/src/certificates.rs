//! Owns the certificates of the public listener: chooses one by the name that a client asks for (SNI, RFC 6066 §3), and takes renewed
//! ones while connections go on. Ordering them from an authority is left to `acme`.

mod authorities;
mod challenge;
mod loaded;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub use authorities::Authorities;
pub use challenge::CHALLENGE_PROTOCOL;
pub use loaded::{CertificateFiles, FileCertificate, Lifetime, OrderedCertificate};

use challenge::Challenge;
use loaded::Loaded;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
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
    /// A certificate that was ordered is not for the name.
    #[error("the certificate in {} is not for {name}", place.display())]
    OtherName {
        /// Where it is from.
        place: PathBuf,
        /// The name.
        name: String,
    },
    /// What an authority asks for cannot be answered.
    #[error("the challenge for {name} cannot be answered: {message}")]
    Challenge {
        /// The name.
        name: String,
        /// The reason.
        message: String,
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
    current: ArcSwap<Current>,
    challenge: ArcSwapOption<Challenge>,
    /// Why the last order for a name failed, by name.
    failures: Mutex<BTreeMap<String, String>>,
}

#[derive(Clone, Debug)]
struct Current {
    /// Those from files, in the order of the settings.
    files: Vec<FileCertificate>,
    /// The position of the file's certificate for a name, in lower case; a wildcard without its star: `.example.com`.
    by_name: HashMap<String, usize>,
    /// The names whose certificates are ordered, in the order of the settings.
    names: Arc<[String]>,
    /// Those that are there.
    ordered: HashMap<String, Loaded>,
}

/// What is known of a certificate.
#[derive(Clone, Debug)]
pub struct CertificateFigures {
    /// The names that it is for.
    pub names: Vec<String>,
    /// Whether it is ordered from an authority.
    pub is_ordered: bool,
    /// When it is valid; absent as long as it is not there.
    pub lifetime: Option<Lifetime>,
    /// Why the last order failed, if it did.
    pub failure: Option<String>,
}

impl Certificates {
    /// The certificates of files, and those for `names`, which are still to be ordered.
    #[must_use]
    pub fn new(files: Vec<FileCertificate>, names: &[String]) -> Self {
        let current = Current::new(files, names.into(), HashMap::new());
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(current),
            challenge: ArcSwapOption::empty(),
            failures: Mutex::default(),
        }))
    }

    /// Whether some are ordered from an authority.
    #[must_use]
    pub fn has_ordered(&self) -> bool {
        !self.0.current.load().names.is_empty()
    }

    /// All certificates: those from files, then those that are ordered.
    #[must_use]
    pub fn figures(&self) -> Vec<CertificateFigures> {
        let current = self.0.current.load();
        let failures = self.0.failures.lock();
        let files = current.files.iter().map(|file| CertificateFigures {
            names: file.loaded.names.clone(),
            is_ordered: false,
            lifetime: Some(file.loaded.lifetime),
            failure: None,
        });
        let ordered = current.names.iter().map(|name| CertificateFigures {
            names: vec![name.clone()],
            is_ordered: true,
            lifetime: current.ordered.get(name).map(|loaded| loaded.lifetime),
            failure: failures.get(name).cloned(),
        });
        files.chain(ordered).collect()
    }

    /// When the certificate that was ordered for a name is valid, if it is there.
    #[must_use]
    pub fn lifetime(&self, name: &str) -> Option<Lifetime> {
        let current = self.0.current.load();
        current.ordered.get(name).map(|loaded| loaded.lifetime)
    }

    /// Takes a certificate that was ordered.
    pub fn take(&self, certificate: &OrderedCertificate) {
        let OrderedCertificate { name, loaded } = certificate;
        self.0.current.rcu(|current| {
            let mut renewed = Current::clone(current);
            renewed.ordered.insert(name.clone(), loaded.clone());
            renewed
        });
    }

    /// Notes why an order failed, or that none has.
    pub fn note_failure(&self, name: &str, failure: Option<String>) {
        let mut failures = self.0.failures.lock();
        match failure {
            Some(failure) => failures.insert(name.to_owned(), failure),
            None => failures.remove(name),
        };
    }

    /// Has an authority that asks for a name get the answer with this digest; or none any more.
    ///
    /// # Errors
    /// If there can be no such answer.
    pub fn set_challenge(&self, asked: Option<(&str, &[u8])>) -> Result<(), CertificateError> {
        let Some((name, digest)) = asked else {
            self.0.challenge.store(None);
            return Ok(());
        };
        let known = self.0.challenge.load();
        let is_known = |known: &Arc<Challenge>| known.name == name && known.digest == digest;
        if !known.as_ref().is_some_and(is_known) {
            let challenge = Challenge::new(name, digest)?;
            self.0.challenge.store(Some(Arc::new(challenge)));
        }
        Ok(())
    }

    /// Takes the certificates whose files have changed. One that cannot be used leaves the old one in use. Returns how many
    /// were taken, and why others were not.
    #[must_use]
    pub fn renew(&self) -> (usize, Vec<CertificateError>) {
        let mut files = self.0.current.load().files.clone();
        let (mut taken, mut errors) = (0, Vec::new());
        for file in &mut files {
            match file.renewed() {
                Ok(Some(renewed)) => {
                    *file = renewed;
                    taken += 1;
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        if taken > 0 {
            self.0.current.rcu(|current| {
                let (names, ordered) = (Arc::clone(&current.names), current.ordered.clone());
                Current::new(files.clone(), names, ordered)
            });
        }
        (taken, errors)
    }
}

impl Current {
    fn new(
        files: Vec<FileCertificate>,
        names: Arc<[String]>,
        ordered: HashMap<String, Loaded>,
    ) -> Self {
        let mut by_name = HashMap::new();
        for (position, file) in files.iter().enumerate() {
            for name in &file.loaded.names {
                let name = name.strip_prefix('*').unwrap_or(name);
                by_name.entry(name.to_owned()).or_insert(position);
            }
        }
        Self {
            files,
            by_name,
            names,
            ordered,
        }
    }

    /// The certificate for a name. For a name that none is for, or without a name, the first one. A name whose certificate is still to
    /// be ordered has none: one for another name would only be refused later.
    fn choose(&self, name: Option<&str>) -> Option<&Loaded> {
        let first = || {
            let ordered = || self.names.iter().find_map(|name| self.ordered.get(name));
            let file = self.files.first().map(|file| &file.loaded);
            file.or_else(ordered)
        };
        let Some(name) = name.map(str::to_ascii_lowercase) else {
            return first();
        };
        let of_file = |name: &str| Some(&self.files[*self.by_name.get(name)?].loaded);
        let exact = self.ordered.get(&name).or_else(|| of_file(&name));
        // A wildcard stands for one label (RFC 9525 §6.3).
        let wild = || of_file(&name[name.find('.')?..]);
        match exact.or_else(wild) {
            None if !self.names.contains(&name) => first(),
            found => found,
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut protocols = hello.alpn().into_iter().flatten();
        if protocols.next() == Some(CHALLENGE_PROTOCOL) {
            let asked = self.0.challenge.load();
            let asked = asked.as_ref()?;
            let is_same = hello.server_name()?.eq_ignore_ascii_case(&asked.name);
            return is_same.then(|| Arc::clone(&asked.key));
        }
        let current = self.0.current.load();
        let chosen = current.choose(hello.server_name())?;
        Some(Arc::clone(&chosen.key))
    }
}

#[cfg(test)]
mod tests;
