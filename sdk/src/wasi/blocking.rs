//! Tells whether a call to a database may block the instance. The calls are left to [`super::sql`].
//!
//! While a call blocks, nothing else in the instance goes on. That harms nobody if the instance serves one request, which has one
//! connection: the statements of a connection run one after the other in any case. With a second connection or a second request, it
//! would. A statement that waits for a lock would keep the holder of the lock, in the same instance, from its COMMIT.

use std::cell::Cell;
use std::thread::LocalKey;

thread_local! {
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
    static CONNECTIONS: Cell<usize> = const { Cell::new(0) };
    /// Whether the host gives the instance several requests at the same time. Once it did, it may at any time.
    static IS_SHARED: Cell<bool> = const { Cell::new(false) };
}

/// A request under way, or an open connection, until it is dropped.
pub(super) struct Counted(&'static LocalKey<Cell<usize>>);

impl Counted {
    fn begin(count: &'static LocalKey<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }

    pub(super) fn request() -> Self {
        let request = Self::begin(&REQUESTS);
        if REQUESTS.get() > 1 {
            IS_SHARED.set(true);
        }
        request
    }

    pub(super) fn connection() -> Self {
        Self::begin(&CONNECTIONS)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Whether a call on the one connection that is open may block.
pub(super) fn is_allowed() -> bool {
    CONNECTIONS.get() == 1 && !IS_SHARED.get()
}
