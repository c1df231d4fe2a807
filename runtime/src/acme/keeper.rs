//! Owns when a certificate is ordered, and by whom: one of the servers with the same store orders at a time, and all take what it got.
//! The order itself is left to `order`, the place of what is known to `store`.

mod names;

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{interval, sleep, timeout};

use self::names::Names;
use super::directory::Directory;
use super::limits::{
    ACME_ACCOUNT_EXPIRY, ACME_CHALLENGE_SPREAD, ACME_KEPT_INTERVAL, ACME_LEASE_EXTENSION,
    ACME_ORDER_TIMEOUT, ACME_RECORD_EXPIRY, ACME_WATCH_INTERVAL,
};
use super::order::{self, Issued, OrderError};
use super::store::{Record, Store, StoreError};
use crate::certificates::{Certificates, Lifetime, OrderedCertificate};
use crate::clock;
use crate::observe::Metrics;
use crate::request::{IdSource, RequestId};
use crate::settings::Acme;

/// Gets certificates and renews them, for as long as it runs.
pub(crate) struct Keeper {
    acme: Acme,
    store: Store,
    certificates: Certificates,
    directory: Directory,
    /// Tells what this authority issues from what others do.
    scope: String,
    /// Tells this process from all others.
    id: String,
}

/// What the keeper does at the moment.
struct Work<'a> {
    keeper: &'a Keeper,
    metrics: &'a Metrics,
    names: Names,
    store_is_out: bool,
}

impl Keeper {
    pub(crate) fn new(acme: Acme, store: Store, certificates: Certificates) -> Self {
        let id = RequestId::generate(&IdSource::from_system());
        Self {
            directory: Directory::new(acme.authorities.clone()),
            scope: short_digest(&acme.directory),
            id: id.as_str().to_owned(),
            acme,
            store,
            certificates,
        }
    }

    /// Orders and renews for ever.
    pub(crate) async fn run(&self, metrics: &Metrics) -> Infallible {
        let mut work = Work {
            keeper: self,
            metrics,
            names: Names::new(&self.acme.names, &IdSource::from_system()),
            store_is_out: false,
        };
        let mut last_look_at_all = None;
        loop {
            let now = clock::now();
            let is_due = |last| now.saturating_duration_since(last) >= ACME_KEPT_INTERVAL;
            let at_all = last_look_at_all.is_none_or(is_due);
            if at_all {
                last_look_at_all = Some(now);
            }
            work.step(at_all).await;
            sleep(ACME_WATCH_INTERVAL).await;
        }
    }

    /// The name of a record in the store.
    fn record(&self, name: &str) -> String {
        format!("{}:{name}", self.scope)
    }

    /// The name of the lease, and of the account, in the store. No host has such a name.
    fn lease(&self) -> String {
        format!("{}:lease:", self.scope)
    }

    fn account(&self) -> String {
        format!(
            "{}:account:{}",
            self.scope,
            short_digest(&self.acme.contact)
        )
    }

    async fn save(&self, name: &str, record: &Record) -> Result<(), StoreError> {
        let lifetime = self.certificates.lifetime(name);
        self.save_for(name, record, lifetime).await
    }

    /// Keeps a record as long as a certificate is valid, and a little longer.
    async fn save_for(
        &self,
        name: &str,
        record: &Record,
        lifetime: Option<Lifetime>,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(record).expect("texts and numbers have a form in JSON");
        let left = lifetime.and_then(|of| of.until.duration_since(clock::time_of_day()).ok());
        let expiry = left.unwrap_or_default() + ACME_RECORD_EXPIRY;
        self.store.set(&self.record(name), text, expiry).await
    }

    /// Extends the lease until that fails.
    async fn hold_lease(&self) -> OrderError {
        let mut ticks = interval(ACME_LEASE_EXTENSION);
        let lease = self.lease();
        loop {
            ticks.tick().await;
            match self.store.take_lease(&lease, &self.id).await {
                Ok(true) => {}
                Ok(false) => return OrderError::LeaseLost,
                Err(error) => return error.into(),
            }
        }
    }

    /// Orders a certificate, with the account that all servers share.
    async fn order(&self, name: &str, record: &Record) -> Result<Issued, OrderError> {
        let kept = self.store.get(&self.account()).await?;
        let credentials = kept.as_deref().and_then(|text| {
            let read = serde_json::from_str(text);
            read.inspect_err(|error| {
                tracing::warn!(
                    "the account in {} cannot be read ({error}); a new one is made",
                    self.store.shown()
                );
            })
            .ok()
        });
        let is_kept = credentials.is_some();
        let account = self.open(credentials).await?;
        let answer = async |digest: &[u8]| self.answer(name, digest, record).await;
        match account.order(name, answer).await {
            Err(error) if is_kept && order::is_forgotten(&error) => {
                let account = self.open(None).await?;
                account.order(name, answer).await
            }
            outcome => outcome,
        }
    }

    /// The account with these credentials, or a new one, which is kept.
    async fn open(
        &self,
        credentials: Option<instant_acme::AccountCredentials>,
    ) -> Result<order::Known, OrderError> {
        let known = order::Known::open(&self.acme, &self.directory, credentials).await?;
        if let Some(made) = &known.made {
            let text = serde_json::to_string(made).expect("texts have a form in JSON");
            let account = self.account();
            self.store.set(&account, text, ACME_ACCOUNT_EXPIRY).await?;
        }
        Ok(known)
    }

    /// Has all servers answer the authority with a digest.
    async fn answer(&self, name: &str, digest: &[u8], record: &Record) -> Result<(), OrderError> {
        let asked = Record {
            challenge: Some(digest.to_owned()),
            ..record.clone()
        };
        self.save(name, &asked).await?;
        self.certificates.set_challenge(Some((name, digest)))?;
        sleep(ACME_CHALLENGE_SPREAD).await;
        Ok(())
    }

    /// Judges a certificate that was just issued.
    fn judge(
        &self,
        name: &str,
        issued: Issued,
    ) -> Result<(OrderedCertificate, Record), OrderError> {
        let place = format!("the answer of {}", self.acme.directory);
        let Issued { certificate, key } = issued;
        let ordered = OrderedCertificate::new(name, &certificate, &key, &place)?;
        let record = Record {
            certificate,
            key,
            ..Record::default()
        };
        Ok((ordered, record))
    }
}

impl Work<'_> {
    /// Takes what others have got, and orders one certificate if it is time for it.
    async fn step(&mut self, at_all: bool) {
        let read = self.look(at_all).await;
        self.note_store(read.err().as_ref());
        if self.store_is_out {
            return;
        }
        self.names.say_missing(&self.keeper.certificates);
        let certificates = &self.keeper.certificates;
        let now = clock::time_of_day();
        let unsaved = self.names.unsaved(certificates);
        let next = unsaved.or_else(|| self.names.next(certificates, now));
        let Some(name) = next else { return };
        let lease = self.keeper.lease();
        match self.keeper.store.take_lease(&lease, &self.keeper.id).await {
            Ok(true) => {
                let done = self.work_on(&name).await;
                self.note_store(done.err().as_ref());
                self.keeper.store.give_back(&lease, &self.keeper.id).await;
            }
            Ok(false) => {}
            Err(error) => self.note_store(Some(&error)),
        }
    }

    /// Reads the records of names whose certificates are missing or due, or of all.
    async fn look(&mut self, at_all: bool) -> Result<(), StoreError> {
        let certificates = &self.keeper.certificates;
        let names = self
            .names
            .to_read(certificates, clock::time_of_day(), at_all);
        for name in names {
            self.read(&name).await?;
        }
        let asked = self.names.challenge();
        if let Err(error) = certificates.set_challenge(asked) {
            tracing::error!("{error}");
        }
        Ok(())
    }

    /// Reads the record of a name, and takes its certificate if that is new.
    async fn read(&mut self, name: &str) -> Result<(), StoreError> {
        let keeper = self.keeper;
        let text = keeper.store.get(&keeper.record(name)).await?;
        let place = format!("the record of {name} in {}", keeper.store.shown());
        let known = self.names.known(name);
        if known.read(text, &place) {
            let Record {
                certificate, key, ..
            } = &known.record;
            match OrderedCertificate::new(name, certificate, key, &place) {
                Ok(ordered) => {
                    keeper.certificates.take(&ordered);
                    tracing::info!(name, "a certificate that was ordered is in use");
                    keeper.certificates.note_failure(name, None);
                }
                Err(error) => tracing::warn!("{error}; another one is ordered"),
            }
        }
        Ok(())
    }

    /// What the server with the lease does for a name: nothing if another one has done it meanwhile.
    async fn work_on(&mut self, name: &str) -> Result<(), StoreError> {
        let keeper = self.keeper;
        if let Some(kept) = self.names.known(name).unsaved.take() {
            let saved = keeper.save(name, &kept).await;
            if saved.is_err() {
                self.names.known(name).unsaved = Some(kept);
            }
            return saved;
        }
        self.read(name).await?;
        let now = clock::time_of_day();
        if self.names.next(&keeper.certificates, now).as_deref() != Some(name) {
            return Ok(());
        }
        let known = self.names.known(name);
        // An attempt that nobody can take note of might be one of too many.
        known.begin_attempt(now);
        keeper.save(name, &known.record).await?;
        tracing::info!(
            name,
            directory = keeper.acme.directory,
            "a certificate is ordered"
        );
        let record = known.record.clone();
        let ordered = tokio::select! {
            ordered = timeout(ACME_ORDER_TIMEOUT, keeper.order(name, &record)) => ordered.unwrap_or(Err(OrderError::Late)),
            lost = keeper.hold_lease() => Err(lost),
        };
        // Without one, it cannot fail.
        let _ = keeper.certificates.set_challenge(None);
        let outcome = ordered.and_then(|issued| keeper.judge(name, issued));
        self.metrics.handshakes().count_order(outcome.is_ok());
        match outcome {
            Ok((ordered, record)) => self.keep(name, &ordered, record).await,
            Err(error) => self.note_failure(name, &error).await,
        }
    }

    /// Takes a certificate that was just issued. It is kept first: a server that is killed in between must not lose it.
    async fn keep(
        &mut self,
        name: &str,
        ordered: &OrderedCertificate,
        record: Record,
    ) -> Result<(), StoreError> {
        let keeper = self.keeper;
        let lifetime = Some(ordered.lifetime());
        let saved = keeper.save_for(name, &record, lifetime).await;
        keeper.certificates.take(ordered);
        keeper.certificates.note_failure(name, None);
        tracing::info!(name, "a certificate was issued and is in use");
        let known = self.names.known(name);
        if let Err(error) = &saved {
            tracing::error!(
                "the certificate for {name} is in use, but is not kept yet: {error}; it is lost if this server ends before it is"
            );
            known.unsaved = Some(record.clone());
        }
        known.record = record;
        saved
    }

    /// Says and keeps that an attempt has failed.
    async fn note_failure(&mut self, name: &str, error: &OrderError) -> Result<(), StoreError> {
        let keeper = self.keeper;
        let known = self.names.known(name);
        let pause: Duration = known.pause(clock::time_of_day());
        tracing::error!(
            "no certificate for {name}: {error}; the next attempt is in {} s",
            pause.as_secs()
        );
        let said = Some(error.to_string());
        keeper.certificates.note_failure(name, said);
        let record = known.record.clone();
        let saved = keeper.save(name, &record).await;
        if saved.is_err() && !record.certificate.is_empty() {
            known.unsaved = Some(record);
        }
        saved
    }

    /// Says in the log when the store fails, and when it is back.
    fn note_store(&mut self, error: Option<&StoreError>) {
        match error {
            Some(error) if !self.store_is_out => tracing::error!(
                "certificates cannot be kept or read, so none is ordered, and those in use stay in use: {error}"
            ),
            None if self.store_is_out => tracing::info!("certificates can be kept again"),
            _ => {}
        }
        self.store_is_out = error.is_some();
    }
}

/// A name for a text that is longer than names may be.
fn short_digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}
