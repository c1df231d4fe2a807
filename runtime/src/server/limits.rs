//! Owns the limits of the listeners that no setting changes, with the reason for each.
//! Those that settings change are left to `settings`, those of a component to its manifest.

use std::time::Duration;

/// How long a draining server keeps a connection that is between two requests: long enough to read a request
/// that has already reached the socket.
pub const DRAIN_IDLE_TIMEOUT: Duration = Duration::from_millis(10);

/// How long a draining server waits for the first byte of a connection that has sent nothing yet: its request
/// may be on the way, or the client may have opened it only to have one at hand.
pub const DRAIN_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(1);

/// The same for a connection of a trusted proxy, or of anybody if the server has a successor, whether or not it has sent something. Longer than `terrace edge` keeps an
/// unused connection, so that none of its requests meets one that closes: a write could not be sent again.
pub const DRAIN_PROXY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a closed connection is still read, so that the client reads the response before it meets a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// A header of the PROXY protocol. The addresses take 52 bytes; the rest is room for extensions such as a client's certificate.
pub const MAX_PROXY_HEADER_BYTES: usize = 4096;

/// How often a worker says in the log why it refuses connections without a usable header of the PROXY protocol.
pub const PROXY_REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Connections beyond the limit that are told so at the same time; others are closed without a word.
pub const MAX_REFUSALS_IN_FLIGHT: usize = 64;

/// Streams that a client of HTTP/2 may have at once on one connection (RFC 9113 §5.1.2 recommends no fewer than 100).
pub const MAX_CONCURRENT_STREAMS: u32 = 100;

/// Requests that a client of HTTP/2 may cancel on one connection. After that, one that cancels more than half is cut off:
/// it makes the server work for nothing.
pub const MAX_CANCELLED_STREAMS: u64 = 100;

/// Streams of one connection that may end with an error of the client's before the connection does.
pub const MAX_STREAM_ERRORS: usize = 100;

/// Content of one request that a client of HTTP/2 may send before the server has read any, in bytes. The server's memory for
/// a connection is bounded by the window of the connection.
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Content of all requests of a connection that a client of HTTP/2 may send before the server has read any, in bytes.
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Frames of one turn of a connection of HTTP/2 that are collected before they are written, in bytes: what a record of TLS holds
/// (RFC 8446 §5.1). A client that does not read holds no more of the server's memory than this, beside its windows.
pub const MAX_COLLECTED_BYTES: usize = 16 * 1024;

/// The piece of a response that HTTP/2 takes at a time, in bytes: the frame that all clients take (RFC 9113 §4.2). No more
/// than a piece per stream waits in memory for a client that does not read.
pub const HTTP2_PIECE_BYTES: usize = 16 * 1024;

/// How often the files of certificates are compared with those in use. Certbot and Kubernetes replace links, of which
/// notifications of the file system say nothing.
pub const CERTIFICATE_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How often the log warns again of a certificate that should have been renewed.
pub const EXPIRY_WARNING_INTERVAL: Duration = Duration::from_secs(86_400);

/// Pause after accepting failed for lack of file descriptors or memory, which trying at once would not mend.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a server that is to be succeeded may take to hand over its sockets. It does nothing else for that.
pub const HANDOVER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a successor may take from the hand-over until it serves. It compiles its components meanwhile.
pub const SUCCESSOR_TIMEOUT: Duration = Duration::from_secs(600);

/// Successors that may be about to serve at once. The first that serves takes over.
pub const MAX_SUCCESSORS: usize = 4;

/// Connections to the admin listener; a further one takes the place of the oldest, so that no probe ever waits for others.
/// Its users are a scraper, a probe and a person or two.
pub const MAX_ADMIN_CONNECTIONS: usize = 64;

/// How long somebody who asks about queries waits. One answer is worked out at a time, and those who wait for the next one share
/// it, so nobody waits for more than two.
pub const ADVICE_TIMEOUT: Duration = Duration::from_secs(8);

/// How long an answer about queries may take to work out. It tries indexes, and gives what it has found by then.
pub const MAX_ADVICE_WORK: Duration = Duration::from_secs(4);

/// Content of a request to the admin listener, in bytes: a line that says what to purge.
pub const MAX_ADMIN_CONTENT_BYTES: usize = 64 * 1024;

/// The buffer of a connection for one head and for content on its way, at least.
pub const MIN_BUFFER_BYTES: usize = 64 * 1024;

/// Up to how many bytes a head and its content are joined before they are written: the system takes one piece faster
/// than two, and for so little the copy costs nothing.
pub const JOINED_BYTES: usize = 512;

/// Bytes read at a time from a connection whose content nobody wants.
pub const DISCARD_BYTES: usize = 4096;

/// How long the server waits for its threads after it has cut their requests: they write the last lines of the log and
/// end, unless a system call blocks them.
pub const CUT_TIMEOUT: Duration = Duration::from_millis(250);

/// Pause before a worker thread that has ended is started again, so that one that always ends at once costs little.
pub const WORKER_RESTART_PAUSE: Duration = Duration::from_millis(100);

/// How long a worker thread that is started again may take until it serves; it is tried again after that.
pub const WORKER_START_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a reader of the admin listener may take nothing of a response. Scrapers and probes are programs nearby.
pub const ADMIN_WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A request target. The parser of URIs takes no longer one, and only a `header_bytes` of more lets one through to it.
pub const MAX_TARGET_BYTES: usize = 65_534;
