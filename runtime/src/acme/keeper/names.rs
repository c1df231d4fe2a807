//! Owns what a server knows of each name: the record in the store, and when the next attempt is due.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::acme::limits::{ACME_FIRST_PAUSE, ACME_LATER_PAUSE};
use crate::acme::store::Record;
use crate::certificates::{Certificates, Lifetime};
use crate::request::IdSource;

/// The part of its lifetime after which a certificate is renewed, as two numbers.
const RENEWAL: (u32, u32) = (2, 3);

/// The part of its lifetime by which servers renew it at different times, at most.
const SPREAD: u32 = 30;

/// The names in the order of the settings.
pub(super) struct Names {
    order: Vec<String>,
    known: BTreeMap<String, Known>,
    missing_is_said: bool,
}

/// What is known of a name.
#[derive(Default)]
pub(super) struct Known {
    pub(super) record: Record,
    /// The text of the record.
    text: Option<String>,
    /// A record that the store has not got, or has lost.
    pub(super) unsaved: Option<Record>,
    /// How much later than others this server renews, as a part of [`SPREAD`] of a thousandth each.
    delay: u32,
}

impl Names {
    pub(super) fn new(names: &[String], random: &IdSource) -> Self {
        let known = names.iter().map(|name| {
            let delay = u32::try_from(random.next() % 1_000).unwrap_or(0);
            let known = Known {
                delay,
                ..Known::default()
            };
            (name.clone(), known)
        });
        Self {
            order: names.to_owned(),
            known: known.collect(),
            missing_is_said: false,
        }
    }

    pub(super) fn known(&mut self, name: &str) -> &mut Known {
        self.known.entry(name.to_owned()).or_default()
    }

    /// The names whose records are to be read: those whose certificates are missing or may be renewed, or all.
    pub(super) fn to_read(
        &self,
        certificates: &Certificates,
        now: SystemTime,
        all: bool,
    ) -> Vec<String> {
        let names = self.order.iter();
        let names = names.filter(|name| all || is_due(certificates.lifetime(name), 0, now));
        names.cloned().collect()
    }

    /// What an authority asks, if one does.
    pub(super) fn challenge(&self) -> Option<(&str, &[u8])> {
        let mut asked = self.known.iter().filter_map(|(name, known)| {
            let digest = known.record.challenge.as_deref()?;
            Some((name.as_str(), digest))
        });
        asked.next()
    }

    /// A name whose certificate is in use here and not in the store.
    pub(super) fn unsaved(&self, certificates: &Certificates) -> Option<String> {
        let mut unsaved = self.known.iter().filter(|(name, known)| {
            known.unsaved.is_some() && certificates.lifetime(name).is_some()
        });
        unsaved.next().map(|(name, _)| name.clone())
    }

    /// The name for which a certificate should be ordered now: of several the one that has waited longest.
    pub(super) fn next(&self, certificates: &Certificates, now: SystemTime) -> Option<String> {
        let due = self.order.iter().filter(|name| {
            self.known.get(*name).is_some_and(|known| {
                is_due(certificates.lifetime(name), known.delay, now) && known.may_begin(now)
            })
        });
        let next = due.min_by_key(|name| self.known[*name].record.not_before);
        next.cloned()
    }

    /// Says once for which certificates the listener waits.
    pub(super) fn say_missing(&mut self, certificates: &Certificates) {
        let names = self.order.iter().map(String::as_str);
        let missing = names.filter(|name| certificates.lifetime(name).is_none());
        let missing = missing.collect::<Vec<_>>().join(", ");
        if !missing.is_empty() && !self.missing_is_said {
            tracing::info!(
                "https waits for certificates for {missing}; until then, handshakes for these names fail"
            );
        }
        self.missing_is_said = true;
    }
}

impl Known {
    /// Takes what the store has. Returns whether it has another certificate than before.
    pub(super) fn read(&mut self, text: Option<String>, place: &str) -> bool {
        if text == self.text {
            return false;
        }
        let had_certificate = !self.record.certificate.is_empty();
        let record = text.as_deref().map(serde_json::from_str::<Record>);
        let is_lost = record.is_none();
        let record = record.unwrap_or_else(|| Ok(Record::default()));
        self.text = text;
        match record {
            // The store was emptied, and this server still has what was in it.
            Ok(_) if is_lost && had_certificate => {
                self.unsaved = Some(self.record.clone());
                false
            }
            Ok(record) => {
                let is_new =
                    !record.certificate.is_empty() && record.certificate != self.record.certificate;
                self.record = record;
                is_new
            }
            Err(error) => {
                tracing::warn!("{place} cannot be read ({error}); another certificate is ordered");
                false
            }
        }
    }

    /// Notes an attempt before it begins, so that it counts however it ends.
    pub(super) fn begin_attempt(&mut self, now: SystemTime) {
        let pause = match self.record.attempts {
            0 => ACME_FIRST_PAUSE,
            _ => ACME_LATER_PAUSE,
        };
        self.record.attempts += 1;
        self.record.challenge = None;
        self.record.not_before = unix_seconds(now + pause);
    }

    /// The time until the next attempt.
    pub(super) fn pause(&self, now: SystemTime) -> Duration {
        let left = self.record.not_before.saturating_sub(unix_seconds(now));
        Duration::from_secs(left)
    }

    /// A pause that is longer than any is the word of a clock that was wrong.
    fn may_begin(&self, now: SystemTime) -> bool {
        let pause = self.pause(now);
        pause.is_zero() || pause > ACME_LATER_PAUSE * 2
    }
}

/// Whether a certificate is missing or to be renewed, by a server with this delay.
fn is_due(lifetime: Option<Lifetime>, delay: u32, now: SystemTime) -> bool {
    let Some(Lifetime { from, until }) = lifetime else {
        return true;
    };
    let whole = until.duration_since(from).unwrap_or_default();
    let used = now.duration_since(from).unwrap_or_default();
    let (part, of) = RENEWAL;
    used >= whole / of * part + whole / SPREAD * delay / 1_000
}

fn unix_seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn certificate_is_renewed_after_two_thirds_of_its_lifetime() {
        let from = SystemTime::UNIX_EPOCH + DAY * 20_000;
        let lifetime = Lifetime {
            from,
            until: from + DAY * 90,
        };
        let at = |days, delay| is_due(Some(lifetime), delay, from + DAY * days);
        assert!(is_due(None, 0, from));
        assert!(!at(59, 0) && at(60, 0));
        assert!(!at(60, 999) && !at(62, 999) && at(63, 999));
        // A clock that is behind.
        assert!(!is_due(Some(lifetime), 0, from - DAY));
    }

    /// Let's Encrypt takes five failures for a name and an hour.
    #[test]
    fn attempts_for_a_name_are_few_in_any_hour() {
        let mut known = Known::default();
        let mut now = SystemTime::UNIX_EPOCH + DAY * 20_000;
        let begun = now;
        let mut attempts = Vec::new();
        while now < begun + DAY {
            if known.may_begin(now) {
                known.begin_attempt(now);
                attempts.push(now);
            }
            now += Duration::from_secs(1);
        }
        let hour = Duration::from_secs(3600);
        for (index, first) in attempts.iter().enumerate() {
            let within = attempts[index..].iter().filter(|at| **at < *first + hour);
            assert!(within.count() <= 4);
        }
        assert!(attempts.len() > 60);
        // A clock that was far ahead is of no importance once it is right.
        assert!(known.may_begin(begun));
    }

    #[test]
    fn names_take_turns() {
        let all = ["a.test".to_owned(), "b.test".to_owned()];
        let certificates = Certificates::new(Vec::new(), &all);
        let mut names = Names::new(&all, &IdSource::from_seeds(1, 1));
        let mut now = SystemTime::UNIX_EPOCH + DAY * 20_000;
        let mut next = |names: &mut Names| {
            let name = names.next(&certificates, now)?;
            names.known(&name).begin_attempt(now);
            now += Duration::from_secs(1);
            Some(name)
        };
        assert_eq!(next(&mut names).as_deref(), Some("a.test"));
        assert_eq!(next(&mut names).as_deref(), Some("b.test"));
        assert_eq!(next(&mut names), None);
    }

    #[test]
    fn records_that_are_lost_or_broken_do_no_harm() {
        let mut known = Known::default();
        assert!(!known.read(None, "it"));
        let text = r#"{"certificate":"a","key":"b","attempts":2,"later":true}"#;
        assert!(known.read(Some(text.to_owned()), "it"));
        assert!(!known.read(Some(text.to_owned()), "it"));
        assert!(!known.read(Some("{".to_owned()), "it"));
        assert_eq!(known.record.attempts, 2, "the attempts are not forgotten");
        assert!(!known.read(None, "it"));
        assert_eq!(known.unsaved.as_ref().unwrap().certificate, "a");
    }
}
