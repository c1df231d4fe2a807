//! Every wait and count of the bench, with its unit and its reason.

use std::time::Duration;

/// The time from the start of a server to its first response. After it, the contestant has failed. A debug build on a loaded
/// machine compiles hello in some seconds.
pub(crate) const MAX_START_TIME: Duration = Duration::from_secs(60);

/// The additional time for each function of an app that compiles: ten times that of hello on a busy machine.
pub(crate) const MAX_COMPILE_TIME_PER_FUNCTION: Duration = Duration::from_secs(3);

/// The interval at which a starting server is asked. The start-up times are exact to this.
pub(crate) const START_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The interval of progress messages.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The time for one response.
pub(crate) const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);

/// The time for a server to end after SIGTERM. After it, the server and its children are killed.
pub(crate) const MAX_STOP_TIME: Duration = Duration::from_secs(5);

/// The interval of looking whether a server has ended.
pub(crate) const STOP_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The time for the load generator beyond the measured time.
pub(crate) const LOAD_GRACE: Duration = Duration::from_secs(15);

/// The time for a program to print its version.
pub(crate) const MAX_VERSION_TIME: Duration = Duration::from_secs(10);

/// The time for the seeder to fill the database.
pub(crate) const MAX_SEED_TIME: Duration = Duration::from_secs(120);

/// The time for a queue to deliver what it has accepted. Under full load it accepts more than it delivers.
pub(crate) const MAX_DRAIN_TIME: Duration = Duration::from_secs(120);

/// The interval of looking whether it has.
pub(crate) const DRAIN_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The load of the machine, per core, above which the report calls the figures rough.
pub(crate) const MAX_QUIET_LOAD: f64 = 0.25;
