//! Owns the state of one deployment on a server, and the judgement of the new version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::Served;
use crate::clock;
use crate::rollout::limits::{DEPLOYMENT_LEASE, MAX_HOLD};
use crate::rollout::{
    Deployment, Figures, Growth, Phase, Version, worse_by_failures, worse_by_latency,
};
use crate::serving::StartError;
use crate::serving::current_app::{Beside, Handles};
use crate::serving::inputs::AppInputs;
use crate::serving::reload::Loaded;
use crate::settings::Origin;

/// One deployment on a server.
pub(super) struct Active {
    pub(super) id: String,
    by: String,
    /// Seconds since 1970.
    since: u64,
    pub(super) peers: Vec<Origin>,
    /// Until when the server goes on without a word of the command.
    lease: Instant,
    pub(super) held: bool,
    /// Whether the new version is compared with the one before.
    pub(super) is_judged: bool,
    pub(super) phase: Phase,
    pub(super) busy: bool,
    pub(super) error: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) version: Option<Version>,
    pub(super) candidate: Candidate,
    /// In percent.
    pub(super) share: f64,
    /// Whether the share is what a user asked for.
    is_exact: bool,
    new: Arc<Figures>,
    old: Arc<Figures>,
    /// The memory of each component of the new version.
    grown: BTreeMap<String, Growth>,
    /// The version before, once the new one has all requests.
    pub(super) before: Option<Served>,
}

/// The version that is being deployed.
#[derive(Default)]
pub(super) struct Candidate {
    pub(super) inputs: Option<AppInputs>,
    pub(super) app: Option<Loaded>,
    /// The digest of its bundle.
    pub(super) bundle: String,
}

impl Candidate {
    /// It, if it is loaded.
    pub(super) fn served(&self) -> Option<Served> {
        let app = self.app.clone()?;
        let bundle = self.bundle.clone();
        Some(Served { app, bundle })
    }

    /// An error as the user knows the files.
    pub(super) fn renamed(&self, error: StartError) -> StartError {
        match &self.inputs {
            Some(inputs) => inputs.renamed_error(error),
            None => error,
        }
    }
}

impl Active {
    pub(super) fn new(id: String, by: String, peers: Vec<Origin>) -> Self {
        Self {
            id,
            by,
            since: clock::since_1970().as_secs(),
            peers,
            lease: clock::now() + DEPLOYMENT_LEASE,
            held: false,
            is_judged: true,
            phase: Phase::Begun,
            busy: false,
            error: None,
            reason: None,
            version: None,
            candidate: Candidate::default(),
            share: 0.0,
            is_exact: false,
            new: Arc::default(),
            old: Arc::default(),
            grown: BTreeMap::new(),
            before: None,
        }
    }

    /// Notes that the command is there.
    pub(super) fn renew(&mut self) {
        if !self.held {
            self.lease = clock::now() + DEPLOYMENT_LEASE;
        }
    }

    /// Goes on without the command.
    pub(super) fn hold(&mut self) {
        self.held = true;
        self.lease = clock::now() + MAX_HOLD;
    }

    /// Goes on with the command.
    pub(super) fn resume(&mut self) {
        self.held = false;
        self.renew();
    }

    /// Why a step is not taken.
    pub(super) fn is_elsewhere(&self, phase: Phase) -> String {
        match (phase, &self.reason) {
            (Phase::Back, Some(reason)) => format!("it went back: {reason}"),
            _ => format!("this step does not follow on {phase:?}"),
        }
    }

    /// Whether nobody looks after it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        !self.phase.is_over() && self.lease <= clock::now()
    }

    /// Who keeps others out, and what to do.
    pub(super) fn keeps_out(&self) -> String {
        let seconds = clock::since_1970().as_secs().saturating_sub(self.since);
        let ago = humane(Duration::from_secs(seconds));
        let by = &self.by;
        match self.held {
            true => format!(
                "a version that {by} has deployed is held at {} % of the requests for {ago}; `terrace deploy --continue` goes on with it, `terrace deploy --rollback` back",
                self.share
            ),
            false => format!("{by} has been deploying for {ago}; try again when that is done"),
        }
    }

    pub(super) fn told(&self) -> Deployment {
        Deployment {
            id: self.id.clone(),
            by: self.by.clone(),
            since: self.since,
            phase: self.phase,
            busy: self.busy,
            error: self.error.clone(),
            version: self.version.clone(),
            held: self.held,
            share: self.share,
            new: self.new.seen(),
            old: self.old.seen(),
            reason: self.reason.clone(),
        }
    }

    /// The newer version beside the older one, or the older one beside the newer one that has all requests.
    pub(super) fn beside(&self, handles: Handles, share: u64, control: u64) -> Beside {
        Beside {
            handles,
            is_old: self.phase == Phase::Taken,
            share,
            control,
            turn: AtomicU64::new(0),
            new: Arc::clone(&self.new),
            old: Arc::clone(&self.old),
        }
    }

    /// The part of the requests that the new version is to get, in percent, and whether that is exact.
    pub(super) fn set_share(&mut self, share: f64, exact: bool) {
        (self.share, self.is_exact) = (share, exact);
    }

    /// The parts of the requests that the new version gets, and the version before for comparison. None of them uses the cache, which
    /// answers the part `hits` of all: they at most double the work of the functions, unless the part of the new version is exact.
    pub(super) fn parts(&self, hits: f64) -> (u64, u64) {
        let all = Beside::ALL as f64;
        let least = Beside::ALL / 100;
        let share = ((self.share / 100.0 * all) as u64).clamp(1, Beside::ALL / 2);
        if hits <= 0.0 {
            return (share, share);
        }
        let most = ((1.0 - hits) / hits * all) as u64;
        match self.is_exact {
            true => (share, share.min(most.saturating_sub(share).max(least))),
            false => {
                let each = share.min((most / 2).max(least));
                (each, each)
            }
        }
    }

    /// Counts the requests so far for less.
    pub(super) fn fade(&self) {
        self.new.fade();
        self.old.fade();
    }

    /// Why the new version is worse than the one before, which is `served` while the new one is tried.
    pub(super) fn judge(&mut self, served: &Served) -> Option<String> {
        let before = match self.phase {
            _ if !self.is_judged => return None,
            Phase::Trying => served,
            Phase::Taken => self.before.as_ref()?,
            _ => return None,
        };
        let (new, old) = (self.new.seen(), self.old.seen());
        let by_failures = worse_by_failures(new, old);
        // Once it has all requests, the cache answers some, so those of both versions are not of the same kinds.
        let by_latency = || worse_by_latency(new, old).filter(|_| self.phase == Phase::Trying);
        let by_memory = self.candidate.app.as_ref().and_then(|app| {
            let known = |id: &str| {
                let mut known = before.app.deployment.memory();
                known.find(|(of, bytes)| *of == id && *bytes > 0)
            };
            let mut used = app.deployment.memory();
            used.find_map(|(id, bytes)| {
                let growth = self.grown.entry(id.to_owned()).or_default();
                growth.note(bytes);
                growth.worse_than(id, known(id)?.1)
            })
        });
        by_failures.or_else(by_latency).or(by_memory)
    }
}

/// A time as people say it.
fn humane(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_get_less_where_the_cache_answers_most() {
        let mut active = Active::new(String::new(), String::new(), Vec::new());
        active.set_share(20.0, false);
        assert_eq!(active.parts(0.0), (2000, 2000));
        assert_eq!(active.parts(0.5), (2000, 2000));
        // A tenth of the requests reaches the functions, and a tenth more may.
        assert_eq!(active.parts(0.9), (555, 555));
        assert_eq!(active.parts(0.999), (100, 100));
        active.set_share(10.0, true);
        assert_eq!(active.parts(0.9), (1000, 111));
        active.set_share(f64::NAN, true);
        assert_eq!(active.parts(0.0).0, 1);
    }
}
