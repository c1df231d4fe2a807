//! Owns which statements of this node were seen waiting for a lock of another transaction.
//!
//! The server does not count such waits. So while connections are in use, it is asked from time to time which statements wait now.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::connection::Connection;
use super::failures::Failed;
use super::job::Stop;
use crate::sql::limits::MAX_LOCK_TEXTS;

/// The statements of this node that wait for a lock of a row or a table. Those for an advisory lock take turns by intent.
const WAITING: &str = "SELECT left(query, 500) FROM pg_stat_activity \
    WHERE application_name = current_setting('application_name') AND state = 'active' \
    AND wait_event_type = 'Lock' AND wait_event <> 'advisory'";

/// How often each statement was seen, by its text.
#[derive(Debug, Default)]
pub(super) struct LockWaits(Mutex<BTreeMap<String, u64>>);

impl LockWaits {
    /// How often each statement was seen.
    pub(super) fn seen(&self) -> Vec<(String, u64)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter()
            .map(|(text, count)| (text.clone(), *count))
            .collect()
    }

    /// Counts statements. Of too many texts, the ones that come last are not counted.
    pub(super) fn note(&self, texts: Vec<String>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for text in texts {
            let has_room = seen.len() < MAX_LOCK_TEXTS;
            match seen.get_mut(&text) {
                Some(count) => *count += 1,
                None if has_room => drop(seen.insert(text, 1)),
                None => {}
            }
        }
    }
}

/// The statements that wait now, by their text.
pub(super) async fn read(
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<Vec<String>, Failed> {
    let rows = connection.texts(WAITING, stop).await?;
    Ok(rows.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ten_thousand_texts_the_first_are_counted() {
        let waits = LockWaits::default();
        waits.note((0..10_000).map(|number| format!("{number}")).collect());
        waits.note(vec!["0".to_owned(), "other".to_owned()]);
        let seen = waits.seen();
        assert_eq!(seen.len(), MAX_LOCK_TEXTS);
        assert!(seen.contains(&("0".to_owned(), 2)));
    }
}
