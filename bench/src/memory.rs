//! Reads the memory of a process and its children from Linux.

use std::{fs, iter, path::Path};

use serde::Serialize;

use crate::Outcome;

/// The memory of a process and all its children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Memory {
    /// Resident set size, in KiB: a shared page counts in each process.
    pub(crate) rss_kib: u64,
    /// Proportional set size, in KiB: a page that n processes share counts 1/n in each.
    pub(crate) pss_kib: u64,
}

impl Memory {
    /// The memory of process `id` and its children.
    ///
    /// # Errors
    /// When it has ended, or where there is no `/proc/ID/smaps_rollup`.
    pub(crate) fn of(id: u32) -> Outcome<Self> {
        let own = Self::of_one(id)?;
        // A child that has ended since it was listed has no memory.
        let children = children(id).into_iter();
        let others = children.filter_map(|child| Self::of(child).ok());
        Ok(iter::once(own)
            .chain(others)
            .fold(Self::default(), Self::plus))
    }

    /// The proportional set size in MiB.
    pub(crate) fn pss_mib(self) -> f64 {
        in_mebibytes(self.pss_kib)
    }

    fn of_one(id: u32) -> Outcome<Self> {
        let path = format!("/proc/{id}/smaps_rollup");
        let text =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
        Self::parse(&text).ok_or_else(|| format!("{path} has no Rss and Pss").into())
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            rss_kib: value("Rss:")?,
            pss_kib: value("Pss:")?,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            rss_kib: self.rss_kib + other.rss_kib,
            pss_kib: self.pss_kib + other.pss_kib,
        }
    }
}

/// A number of KiB in MiB.
#[expect(
    clippy::cast_precision_loss,
    reason = "memory sizes in KiB are far below 2^52"
)]
pub(crate) fn in_mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

/// The children that any thread of a process started.
fn children(id: u32) -> Vec<u32> {
    let threads = Path::new("/proc").join(id.to_string()).join("task");
    let threads = fs::read_dir(threads).into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let ids = list.split_whitespace().map(str::parse);
            ids.filter_map(Result::ok).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sizes_are_read() {
        let text = "5581 ---p [rollup]\nRss:    1000 kB\nPss:     600 kB\nPss_Dirty:   1 kB\n";
        let expected = Memory {
            rss_kib: 1000,
            pss_kib: 600,
        };
        assert_eq!(Memory::parse(text), Some(expected));
    }
}
