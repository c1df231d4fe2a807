//! The names of Terrace's outer interface that tests rely on, each in one place.
//!
//! A change here is a change that users and their dashboards notice.

/// The member of the ready line, and of every other line, that says what it reports.
pub const EVENT: &str = "event";
/// The line that `terrace up --json` prints when it answers requests; it has `http` and `admin` with the addresses.
pub const EVENT_READY: &str = "ready";
/// The line of the access log.
pub const EVENT_REQUEST: &str = "request";
/// A line that a guest has printed.
pub const EVENT_OUTPUT: &str = "guest";
/// The line that `terrace dev --json` prints when a new build serves.
pub const EVENT_SWAPPED: &str = "swapped";
/// The line that `terrace dev --json` prints when a build failed.
pub const EVENT_BUILD_FAILED: &str = "build-failed";

/// The line that `terrace up --json` prints when it serves a bundle.
pub const EVENT_BUNDLE_SERVED: &str = "bundle-served";
/// The line that `terrace up --json` prints when it does not take a bundle.
pub const EVENT_BUNDLE_REFUSED: &str = "bundle-refused";

/// Members of an access log line that must be there for a request that a guest answered.
pub const ACCESS_LOG_MEMBERS: [&str; 8] = [
    "request_id",
    "route",
    "component",
    "status",
    "duration_us",
    "stages_us",
    "reused",
    "cpu_us",
];
/// The member of a log line that names the request.
pub const REQUEST_ID: &str = "request_id";
/// The member of an output line that says where the guest printed: `stdout` or `stderr`.
pub const STREAM: &str = "stream";
/// The member of an output line that holds what was printed.
pub const TEXT: &str = "message";
/// The member of an access log line that names the failure, as the problem's type does.
pub const FAILURE: &str = "failure";
/// The member of an access log line that says how the cache took part.
pub const CACHE: &str = "cache";
/// The response field that says how the cache took part (RFC 9211).
pub const CACHE_STATUS_FIELD: &str = "cache-status";
/// The response field with the request's id.
pub const REQUEST_ID_FIELD: &str = "x-request-id";

/// What the `type` of problem details begins with; the name of the failure follows.
pub const PROBLEM_TYPE: &str = "urn:terrace:problem:";

/// Failures by name.
pub mod failure {
    /// The guest trapped.
    pub const TRAPPED: &str = "guest-trapped";
    /// The guest answered with an error code.
    pub const GUEST_FAILED: &str = "guest-failed";
    /// The guest ended without a response.
    pub const NO_RESPONSE: &str = "no-response";
    /// The deadline passed.
    pub const DEADLINE: &str = "deadline-exceeded";
    /// The guest used up its CPU time.
    pub const CPU: &str = "cpu-exceeded";
    /// The guest wanted more memory than it may have.
    pub const MEMORY: &str = "memory-exceeded";
    /// The worker has more work than processor time.
    pub const OVERLOADED: &str = "overloaded";
    /// The waiting queue is full.
    pub const QUEUE_FULL: &str = "queue-full";
    /// The content is too long.
    pub const BODY_TOO_LARGE: &str = "body-too-large";
    /// The client has sent too many requests.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// The header section is too large.
    pub const HEADERS_TOO_LARGE: &str = "headers-too-large";
    /// The client went away.
    pub const CLIENT_DISCONNECTED: &str = "client-disconnected";
    /// The client stopped reading its response.
    pub const RESPONSE_TIMEOUT: &str = "response-timeout";
    /// No route matches.
    pub const NO_ROUTE: &str = "no-route";
    /// The request is malformed.
    pub const BAD_REQUEST: &str = "bad-request";
    /// Nobody listens where the origin should be.
    pub const ORIGIN_REFUSED: &str = "origin-refused";
    /// The origin closed the connection without a response.
    pub const ORIGIN_TERMINATED: &str = "origin-terminated";
    /// The origin was silent for too long.
    pub const ORIGIN_TIMEOUT: &str = "origin-timeout";
    /// The origin closed the connection in the middle of its response.
    pub const ORIGIN_INCOMPLETE: &str = "origin-incomplete";
    /// What the origin sent is no HTTP.
    pub const ORIGIN_MALFORMED: &str = "origin-malformed";
}

/// Metrics by name.
pub mod metric {
    /// Responses by component, route, method class and status class.
    pub const REQUESTS: &str = "terrace_requests_total";
    /// Requests that a component is working on.
    pub const IN_FLIGHT: &str = "terrace_requests_in_flight";
    /// Requests that wait for an instance.
    pub const QUEUE_LENGTH: &str = "terrace_queue_length";
    /// Instances by event: `created`, `reused`, `trapped`.
    pub const INSTANCES: &str = "terrace_instances_total";
    /// Requests by how the cache took part: `hit`, `miss` and others.
    pub const CACHE_REQUESTS: &str = "terrace_cache_requests_total";
    /// What the stored responses take, in bytes.
    pub const CACHE_STORED_BYTES: &str = "terrace_cache_stored_bytes";
    /// Keys under which something is stored.
    pub const CACHE_ENTRIES: &str = "terrace_cache_entries";
    /// Responses that a purge has met.
    pub const CACHE_PURGED: &str = "terrace_cache_purged_total";
    /// 1 while a server knows what others purge.
    pub const CACHE_FOLLOWED: &str = "terrace_cache_shared_followed";
    /// Reads of clients that wrote, by `result`: `reached` or `behind`.
    pub const CACHE_BOOKMARKS: &str = "terrace_cache_bookmarks_total";
    /// Statements that only read.
    pub const SQL_READS: &str = "terrace_sql_reads_total";
    /// Those of requests that ran on a replica, by `server`.
    pub const SQL_REPLICA_READS: &str = "terrace_sql_replica_reads_total";
    /// How far a replica lags behind, by `server`.
    pub const SQL_REPLICA_LAG: &str = "terrace_sql_replica_lag_seconds";
    /// 1 for the state that a database server is in: `primary`, `replica`, `out`, `apart`.
    pub const SQL_SERVER_STATE: &str = "terrace_sql_server_state";
    /// Requests by origin.
    pub const ORIGIN_REQUESTS: &str = "terrace_origin_requests_total";
    /// 1 for the state that an origin is in: `healthy`, `ejected`, `probed`.
    pub const ORIGIN_STATE: &str = "terrace_origin_state";
    /// Nodes in the registry by state: `used`, `missing`, `other-app` and others.
    pub const CLUSTER_NODES: &str = "terrace_cluster_nodes";
    /// 1 while the registry of nodes does not answer.
    pub const REGISTRY_OUT: &str = "terrace_cluster_registry_out";
    /// Requests that a rate limit refused, by kind of limit.
    pub const RATE_LIMITED: &str = "terrace_rate_limited_total";
    /// Counts of clients in memory.
    pub const RATE_BUCKETS: &str = "terrace_rate_buckets";
    /// 1 while a node counts by itself.
    pub const RATE_SHARED_OUT: &str = "terrace_rate_shared_out";
    /// Calls of key-value stores by store, engine and operation.
    pub const KV_CALLS: &str = "terrace_kv_calls_total";
    /// Those that the engine failed, by name of the failure.
    pub const KV_FAILURES: &str = "terrace_kv_failures_total";
    /// How many calls of key-value stores were timed.
    pub const KV_TIMED: &str = "terrace_kv_call_duration_seconds_count";
    /// Requests that were sent to another origin.
    pub const RETRIES: &str = "terrace_retries_total";
    /// Requests that were not, because the budget was used up.
    pub const RETRIES_REFUSED: &str = "terrace_retries_refused_total";
    /// Requests that were sent to a second origin because the first one took long.
    pub const HEDGES: &str = "terrace_hedges_total";
    /// Failed requests by name of the failure.
    pub const FAILURES: &str = "terrace_failures_total";
}

/// Exit codes.
pub mod exit {
    /// All went well.
    pub const FINE: i32 = 0;
    /// The operation failed.
    pub const FAILED: i32 = 1;
    /// What the user wrote is wrong.
    pub const USAGE: i32 = 2;
}
