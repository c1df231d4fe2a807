//! Owns the limits of announcements and of what an edge makes of them, with the reason for each.

use std::time::Duration;

/// The longest time between two announcements of a node. Most are sooner, so that nodes that started together do not come together.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);

/// How long a node counts as there after its last announcement: several may be lost.
pub const NODE_EXPIRY: Duration = Duration::from_secs(10);

/// The longest time between two looks of an edge into the registry. A node that leaves is noticed within it; until then its requests go to
/// another one, because it refuses connections.
pub const READ_INTERVAL: Duration = Duration::from_secs(1);

/// How long the registry may take to answer. After that a node or an edge goes on with what it knows.
pub const REGISTRY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a node waits at its end for the registry to take note that it leaves.
pub const LEAVE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long an edge keeps a node that the registry does not have any more although it has not left: a registry that was restarted has
/// its nodes again after some announcements.
pub const MISSING_NODE_KEPT: Duration = Duration::from_secs(10);

/// Nodes that an edge uses. More are more than one edge can serve.
pub const MAX_NODES: usize = 256;

/// Different nodes that an edge warns of because it does not use them. Further ones are only counted.
pub const MAX_WARNINGS: usize = 64;
