//! The judge of what clients saw: each writes rising numbers to a register of its own, and reads those of all.

use std::time::Duration;

use tokio::time::Instant;

/// What one client did.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The client.
    pub client: usize,
    /// The register, which is the one of the client with this number.
    pub register: usize,
    /// What it wrote or read.
    pub value: u32,
    /// Whether it was a write, which succeeded.
    pub is_write: bool,
    /// When it began.
    pub begun: Instant,
    /// When its answer was there.
    pub ended: Instant,
}

/// The reads that no one copy of the registers would have given: of an own register anything but the client's last write, and of
/// others' something that was overwritten more than `bound` before. The events of a client are in order.
#[must_use]
pub fn violations(events: &[Event], bound: Duration) -> Vec<String> {
    let reads = events
        .iter()
        .enumerate()
        .filter(|(_, event)| !event.is_write);
    let wrong = reads.filter_map(|(index, read)| {
        let writes = events.iter().enumerate().filter(|(_, write)| {
            write.is_write && write.register == read.register && write.client == read.register
        });
        let is_own = read.client == read.register;
        let known = writes.clone().filter(|(at, write)| match is_own {
            true => *at < index,
            false => write.ended + bound < read.begun,
        });
        let least = known.map(|(_, write)| write.value).max().unwrap_or(0);
        let begun = writes.filter(|(_, write)| write.begun <= read.ended);
        let most = begun.map(|(_, write)| write.value).max().unwrap_or(0);
        let is_right = match is_own {
            true => read.value == least,
            false => (least..=most).contains(&read.value),
        };
        (!is_right).then(|| format!("{read:?} is none of {least} to {most}"))
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_old_values_are_found_and_others_are_not() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let event = |client, value, is_write, begun, ended| Event {
            client,
            register: 0,
            value,
            is_write,
            begun: at(begun),
            ended: at(ended),
        };
        let check = |read, wrong| {
            let events = [event(0, 1, true, 0, 1), event(0, 2, true, 10, 11), read];
            let found = violations(&events, Duration::from_secs(1));
            assert_eq!(found.len(), wrong, "{found:?}");
        };
        check(event(0, 2, false, 11, 12), 0);
        check(event(0, 1, false, 11, 12), 1);
        check(event(0, 3, false, 11, 12), 1);
        check(event(1, 1, false, 11, 12), 0);
        check(event(1, 2, false, 9, 10), 0);
        check(event(1, 1, false, 13, 14), 1);
        check(event(1, 0, false, 3, 4), 1);
        check(event(1, 2, false, 8, 9), 1);
    }
}
