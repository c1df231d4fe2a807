//! Runs a future on the calling thread, for what has no workers yet, or none at all.

use std::io;

use tokio::runtime::Builder;

/// Runs a future to its end. The calling thread must not be one that drives futures itself.
///
/// # Errors
/// When the operating system has nothing left to wait with.
pub(crate) fn block_on<F: Future>(work: F) -> io::Result<F::Output> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
