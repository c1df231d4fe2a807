//! The size of a Worker, as wrangler prints it, and its limit.

use std::fmt;

use crate::Outcome;

/// The largest size of a Worker in this repository, compressed. Cloudflare accepts three times as much on its free plan. This
/// limit keeps starts fast and shows a dependency that does not belong in a function.
const MAX_COMPRESSED_KIB: f64 = 1024.0;

/// The size of the upload, in KiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bundle {
    /// Uncompressed.
    total: f64,
    /// Compressed by gzip, which Cloudflare counts.
    compressed: f64,
}

impl Bundle {
    /// Reads the line of wrangler, such as `Total Upload: 132.93 KiB / gzip: 43.79 KiB`.
    pub(super) fn parse(printed: &str) -> Option<Self> {
        let mut lines = printed.lines();
        let (total, compressed) = lines.find_map(|line| {
            let sizes = line.trim().strip_prefix("Total Upload: ")?;
            sizes.split_once(" / gzip: ")
        })?;
        Some(Self {
            total: kibibytes(total)?,
            compressed: kibibytes(compressed)?,
        })
    }

    /// Itself, if it is small enough to deploy.
    pub(super) fn within_limit(self) -> Outcome<Self> {
        if self.compressed <= MAX_COMPRESSED_KIB {
            return Ok(self);
        }
        Err(format!(
            "the Worker is too large: {self}, and at most {MAX_COMPRESSED_KIB} KiB compressed are allowed. \
             `cargo tree --target wasm32-unknown-unknown -p FUNCTION` shows what is in it."
        )
        .into())
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { total, compressed } = self;
        write!(formatter, "{total:.0} KiB, compressed {compressed:.0} KiB")
    }
}

fn kibibytes(size: &str) -> Option<f64> {
    size.trim().strip_suffix(" KiB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_what_wrangler_prints() {
        let printed =
            "🌀 building\nTotal Upload: 132.93 KiB / gzip: 43.79 KiB\n--dry-run: exiting now.\n";
        let bundle = Bundle::parse(printed).unwrap();
        assert_eq!(bundle.to_string(), "133 KiB, compressed 44 KiB");
        assert_eq!(Bundle::parse("Total Upload: unknown"), None);
    }

    #[test]
    fn bundle_over_the_limit_is_refused_with_its_size() {
        let bundle = |compressed| Bundle {
            total: 4000.0,
            compressed,
        };
        assert!(bundle(1024.0).within_limit().is_ok());
        let error = bundle(1025.0).within_limit().unwrap_err().to_string();
        assert!(
            error.contains("compressed 1025 KiB") && error.contains("at most 1024 KiB"),
            "{error}"
        );
    }
}
