//! Every wait and count of the bench, with its unit and its reason.

use std::time::Duration;

/// How long a server may take from the start of its process to its first answer. On reaching it the contestant has
/// failed. A debug build on a loaded machine compiles hello in some seconds.
pub(crate) const MAX_START_TIME: Duration = Duration::from_secs(60);

/// How much longer the start of an app may take for each of its functions, while they are compiled: ten times what
/// hello takes on a machine that does something else as well.
pub(crate) const MAX_COMPILE_TIME_PER_FUNCTION: Duration = Duration::from_secs(3);

/// How often a starting server is asked. The start-up times are exact to this.
pub(crate) const START_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How often the person in front is told about something that takes minutes.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How long one answer may take.
pub(crate) const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long a server may take to end after SIGTERM. On reaching it the server and its children are killed.
pub(crate) const MAX_STOP_TIME: Duration = Duration::from_secs(5);

/// How often it is looked whether a server has ended.
pub(crate) const STOP_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long the load generator may take beyond the time that it was told to measure.
pub(crate) const LOAD_GRACE: Duration = Duration::from_secs(15);

/// How long a program may take to say its version.
pub(crate) const MAX_VERSION_TIME: Duration = Duration::from_secs(10);

/// How long the seeder may take to fill the database.
pub(crate) const MAX_SEED_TIME: Duration = Duration::from_secs(120);

/// Load of the machine, per core, above which the figures are called rough.
pub(crate) const MAX_QUIET_LOAD: f64 = 0.25;
