//! The thread that drives all connections to a server, whichever thread asks. It ends with the last value that needs it.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A thread with a runtime.
///
/// The workers of a server come and go and are busy with guests; a connection outlives them and is used by all.
#[derive(Debug)]
pub(crate) struct Driver {
    handle: Handle,
    /// Dropping it ends the thread.
    _end: oneshot::Sender<()>,
}

impl Driver {
    /// Starts a thread with that name, which has at most 15 bytes.
    ///
    /// # Errors
    ///
    /// If the operating system starts no thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let drive = move || {
            // The sender is only ever dropped.
            let _ = runtime.block_on(ended);
        };
        thread::Builder::new().name(name.to_owned()).spawn(drive)?;
        Ok(Self { handle, _end: end })
    }

    /// Runs a task to its end on the thread.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(task)
    }
}
