//! The logs that a level has met, numbered: a number means something in one of them only. Another process of the server has another
//! log. A level that gets another owner begins anew as well, so that nothing is put under the wrong one.

use std::sync::{Mutex, PoisonError};

/// The bits of a generation for the number of the log.
const NUMBER_BITS: u32 = 48;

/// How many logs were met, and the name of the last one.
#[derive(Debug, Default)]
pub(super) struct Epochs(Mutex<(u64, String)>);

impl Epochs {
    /// The generation for a number of a log: also those of a log that is met again are new.
    pub(super) fn generation(&self, log: &str, number: u64) -> u64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.1 != log {
            last.0 = (last.0 + 1) & (u64::MAX >> NUMBER_BITS);
            log.clone_into(&mut last.1);
        }
        (last.0 << NUMBER_BITS) | (number & mask())
    }

    /// The number for a generation of this log; `None` for one of another.
    pub(super) fn number(&self, log: &str, generation: u64) -> Option<u64> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = last.1 == log && last.0 == generation >> NUMBER_BITS;
        is_same.then_some(generation & mask())
    }
}

fn mask() -> u64 {
    (1 << NUMBER_BITS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_of_another_log_mean_nothing() {
        let epochs = Epochs::default();
        let first = epochs.generation("a", 1_800_000_000_000);
        assert_eq!(epochs.number("a", first), Some(1_800_000_000_000));
        assert_eq!(epochs.number("a", 0), None);
        let second = epochs.generation("b", 5);
        assert!(second > first);
        assert_eq!(epochs.number("b", first), None);
        assert_eq!(epochs.number("a", first), None);
        epochs.generation("a", 1);
        assert_eq!(epochs.number("a", first), None);
    }
}
