//! Keys that have left lately, by their hashes: who is asked for again soon after is worth keeping.

/// Places in a bucket, which fills one cache line.
const BUCKET: usize = 8;

/// The hashes of the last so many keys that left.
///
/// A table without chains: a bucket that is full forgets its oldest, and hashes are compared in part. Both only make
/// it a little less exact, which decides about admission and nothing else.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    buckets: Vec<[Ghost; BUCKET]>,
    /// How many were remembered so far.
    now: u32,
    /// How many of the last are remembered still.
    capacity: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ghost {
    hash: u32,
    /// When it was remembered, from 1 on; 0 stands for a free place.
    since: u32,
}

impl Ghosts {
    /// Remembers a key as the last of at most `capacity`.
    pub(super) fn remember(&mut self, hash: u64, capacity: usize) {
        self.capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        // Half full at most, or buckets overflow before their ghosts are due to go. What it held is lost when it grows,
        // which it does only while the shard fills for the first time or its entries become much smaller.
        let buckets = (capacity / (BUCKET / 2)).next_power_of_two();
        if buckets > self.buckets.len() {
            self.buckets = vec![Default::default(); buckets];
        }
        self.now = self.now.wrapping_add(1).max(1);
        let now = self.now;
        let bucket = self.bucket(hash);
        let ghost = self.buckets[bucket].iter_mut().max_by_key(|ghost| {
            if ghost.since == 0 {
                u32::MAX
            } else {
                now.wrapping_sub(ghost.since)
            }
        });
        if let Some(ghost) = ghost {
            *ghost = Ghost {
                hash: hash as u32,
                since: now,
            };
        }
    }

    /// Whether a key is remembered; it is no longer after this.
    pub(super) fn recall(&mut self, hash: u64) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let (now, capacity) = (self.now, self.capacity);
        let bucket = self.bucket(hash);
        let known = self.buckets[bucket].iter_mut().find(|ghost| {
            ghost.since != 0
                && ghost.hash == hash as u32
                && now.wrapping_sub(ghost.since) < capacity
        });
        known.map(std::mem::take).is_some()
    }

    fn bucket(&self, hash: u64) -> usize {
        hash as u32 as usize & (self.buckets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Ghosts;

    /// Hashes that are spread as those of keys are.
    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
    }

    #[test]
    fn the_last_that_left_are_recalled_once() {
        let mut ghosts = Ghosts::default();
        for number in 0..1000 {
            ghosts.remember(hash(number), 100);
        }
        let recalled = (900..1000).filter(|number| ghosts.recall(hash(*number)));
        assert!(recalled.count() > 90);
        assert!(!(0..1000).any(|number| ghosts.recall(hash(number))));
    }

    #[test]
    fn nothing_is_recalled_before_anything_left() {
        assert!(!Ghosts::default().recall(7));
    }
}
