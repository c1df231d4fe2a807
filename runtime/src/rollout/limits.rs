//! Owns the bounds of deployments to running servers, with the reason for each.

use std::time::Duration;

/// How long a server goes on with a deployment whose command it does not hear. Long enough for a command that is stopped for a
/// moment, short enough for a service manager that looks on.
pub const DEPLOYMENT_LEASE: Duration = Duration::from_secs(10);

/// How long a version is held at a part of the requests. A day later nobody looks any more, and the version before goes on.
pub const MAX_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a server looks at a deployment: at its figures and at the time.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How often a server asks whether the others have a newer version.
pub const FOLLOW_INTERVAL: Duration = Duration::from_secs(3);

/// How long a call to the admin listener of another server takes at most, without the content of a bundle.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a bundle may take to be sent or received.
pub const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);

/// How often the command asks the servers how far they are.
pub const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How long the command waits for a server that does not answer, before it goes on without it.
pub const SERVER_PATIENCE: Duration = Duration::from_secs(6);

/// How long the command waits at the end for servers that it went on without.
pub const CONVERGENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a command waits until a step is done: large components are compiled, large tables migrated.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(1800);

/// Bundles that a server keeps to go back to. More than anybody goes back, and few enough for a disk.
pub const MAX_KEPT_BUNDLES: usize = 5;

/// Versions that a server remembers.
pub const MAX_VERSIONS: usize = 50;

/// Servers that one deployment reaches; as many as an edge uses.
pub const MAX_SERVERS: usize = 256;

/// Bundles that the command sends at once.
pub const MAX_TRANSFERS: usize = 4;

/// Pieces of a bundle that wait for the disk of a server.
pub const MAX_PIECES_WAITING: usize = 16;

/// The most content of an answer that is not a bundle, in bytes: the versions that a server remembers take less.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How long a request to one of the versions that are compared may wait until it counts as failed. More than most functions take at all, and
/// little enough for a version that hangs.
pub const OVERDUE_AFTER: Duration = Duration::from_secs(2);

/// How often a server that holds a version counts the requests so far as half as many: else one that has been fine for hours might fail for
/// hours.
pub const FADE_INTERVAL: Duration = Duration::from_secs(30);

/// How long a server may take to answer that it has a bundle, which it checks first.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// How long nothing of a bundle may come from another server.
pub const PIECE_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest wait before a server tries a version of the others again that it could not take.
pub const MAX_FOLLOW_PAUSE: Duration = Duration::from_secs(300);

/// Failed requests after which a version may count as worse: fewer are chance.
pub const MIN_FAILURES: u64 = 4;

/// Requests to each version after which their times are compared.
pub const MIN_TIMED_REQUESTS: u64 = 30;

/// A new version may take this many times as long as the one before: less is within the noise of a machine that is busy.
pub const MAX_LATENCY_RATIO: u32 = 2;

/// A new version may take this much longer, however short the times are: nobody notices less.
pub const MIN_LATENCY_GAP: Duration = Duration::from_millis(5);

/// How often the memory of a component has to grow until it may count as a leak: single requests that take much are none.
pub const MIN_GROWTHS: u32 = 8;

/// An instance of a new version may take this many times as much memory as one of the version before.
pub const MAX_MEMORY_RATIO: u64 = 2;

/// An instance of a new version may take so many bytes more, however few those of the version before take.
pub const MIN_MEMORY_GAP_BYTES: u64 = 16 * 1024 * 1024;
