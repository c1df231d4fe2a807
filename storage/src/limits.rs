//! The limits of connections to servers, each with its unit, its reason and its consequence.

use std::time::Duration;

/// The time for opening a connection: some round trips and a handshake. After it the server counts as unreachable.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The time for a handshake of TLS with a Redis server: less than for the whole connection, so that its failure has a name. A server
/// without TLS takes the handshake for the beginning of a command, and says nothing.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time for which the network may lose what was sent on a connection. After it the connection counts as broken.
pub const MAX_UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// The time without a byte of a peer after which the operating system asks it whether it is still there.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// The time between two such questions.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How many of them may stay without an answer. After that the connection counts as broken.
pub const KEEPALIVE_RETRIES: u32 = 3;

/// Shortest pause before the next attempt to connect after a failure. Until then requests fail at once.
pub const MIN_RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause between two attempts to connect. A server that returns is noticed after it at the latest.
pub const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(2);

/// Most commands of a process that a Redis server has not answered yet. More are refused at once, because a server that is so far
/// behind would answer them after their deadline.
pub const MAX_COMMANDS_IN_FLIGHT: usize = 8_192;

/// The time for which a Redis server may send and take nothing while a command waits for its answer. After it the server counts
/// as hung, and its connection is closed. A command of others that is slow, or a fork of a large process, blocks it for less.
pub const MAX_SILENCE: Duration = Duration::from_secs(3);

/// The pause before a Redis server is asked again that still loads its data when it is opened.
pub const LOADING_PAUSE: Duration = Duration::from_millis(100);

/// The time for which a server of a Redis Cluster may think about which server has which slots. After it another one is asked.
pub const MAP_TIMEOUT: Duration = Duration::from_millis(500);

/// The pause before a Redis Cluster is asked again which server has which slots, after that was done because a command failed.
pub const MAP_PAUSE: Duration = Duration::from_millis(100);

/// How often the servers of a Redis Cluster may send a command on. While they disagree about a slot, it fails after that.
pub const MAX_REDIRECTIONS: u32 = 5;
