//! Owns the bounds of bundles. What a bundle declares is compared with them before anything of it is kept.

/// How long a bundle may be, in bytes, and so all of its contents: far above any app, and a disk has that much room.
pub const MAX_BUNDLE_BYTES: u64 = 1024 * MIB;

/// How many files a bundle may have. Their index then takes less than `MAX_INDEX_BYTES`.
pub const MAX_BUNDLE_FILES: usize = 20_000;

/// How long the index of a bundle may be, in bytes: it is read into memory.
pub const MAX_INDEX_BYTES: u64 = 8 * MIB;

/// How long the seal of a bundle may be, in bytes: a digest, a key and a signature.
pub const MAX_SEAL_BYTES: u64 = KIB;

/// How long the path of a file in a bundle may be, in bytes: as long as every program that reads tar archives takes it.
pub const MAX_BUNDLED_PATH_BYTES: usize = 240;

/// How long the name of a processor may be, in bytes, for which a bundle has compiled code: with the digest of a component, it is a
/// path that every program that reads tar archives takes.
pub const MAX_PROCESSOR_NAME_BYTES: usize = 32;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
