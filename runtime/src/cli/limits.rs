//! Owns the bounds of the commands. The modules that enforce them own the behaviour at the limit.

use std::time::Duration;

/// How long no file must change before `terrace dev` looks at the changes. Longer than the pauses of a program that
/// writes files one after the other, shorter than a person notices.
pub const CHANGES_QUIET_TIME: Duration = Duration::from_millis(50);

/// How long `terrace dev` waits for quiet at most. A file that is written again and again must not hold up the others.
/// A half-written component does not load; the old one goes on until the rest is there.
pub const MAX_CHANGES_WAIT: Duration = Duration::from_secs(1);

/// How often `terrace up` looks whether there is a newer bundle in its folder. A bundle is taken once it is the same at two looks,
/// so it is served about a second after it was copied.
pub const BUNDLE_FOLDER_INTERVAL: Duration = Duration::from_millis(500);

/// How long `terrace up` waits before it tries a bundle again that was not at fault itself, as when a database was out.
pub const BUNDLE_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// How long the name of a project may be, in bytes. Components are hosts (`NAME.spin.internal`), and a label of a host
/// name has at most 63.
pub const MAX_NAME_BYTES: usize = 63;

/// How long `terrace sql exec` lets a statement run. Reports read whole tables; a statement that was forgotten must end.
pub const SQL_STATEMENT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How long `terrace sql` waits to put a database in order. Nothing is lost beyond it: the next start reads the log.
pub const DATABASE_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a command waits for the admin listener. Most of its pages answer at once; the one about queries takes up to
/// `ADVICE_TIMEOUT`.
pub const ADMIN_CALL_TIMEOUT: Duration = Duration::from_secs(10);
