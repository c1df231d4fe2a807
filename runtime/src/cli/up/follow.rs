//! Follows a folder with bundles: the newest one is served. The swap is left to `serving`.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use crate::cli::console::Console;
use crate::cli::event::{BundleServed, Event};
use crate::cli::limits::{BUNDLE_FOLDER_INTERVAL, BUNDLE_RETRY_INTERVAL};
use crate::clock;
use crate::serving::{BundleFile, Reloader, StartError, Taken, newest_bundle};

/// A folder that is followed.
struct Follower {
    folder: PathBuf,
    console: Console,
    reloader: Reloader,
    /// The digest of the bundle that is served.
    served: String,
    /// The newest bundle when it was last tried.
    tried: BundleFile,
    /// When the same bundle is tried again, if something other than the bundle was in the way.
    retry: Option<Instant>,
    /// A bundle that was not there before, as it was at the last look.
    arriving: Option<BundleFile>,
}

/// Follows the folder on a thread of its own, which ends with the process.
///
/// # Errors
/// If the system has no thread.
pub(super) fn start(
    folder: PathBuf,
    console: Console,
    reloader: Reloader,
    taken: &Taken,
) -> io::Result<()> {
    let mut follower = Follower {
        folder,
        console,
        reloader,
        served: taken.bundle.digest.clone(),
        tried: taken.newest.clone(),
        retry: None,
        arriving: None,
    };
    let follow = move || {
        loop {
            // It looks, because no event tells of files on a disk that other machines write to.
            thread::sleep(BUNDLE_FOLDER_INTERVAL);
            follower.look();
        }
    };
    thread::Builder::new()
        .name("bundles".to_owned())
        .spawn(follow)?;
    Ok(())
}

impl Follower {
    fn look(&mut self) {
        // An empty folder asks for nothing.
        let Some(newest) = newest_bundle(&self.folder) else {
            return;
        };
        let is_due = self.retry.is_some_and(|retry| retry <= clock::now());
        if newest == self.tried && !is_due {
            return;
        }
        // A file that is being copied changes from look to look.
        if self.arriving.as_ref() != Some(&newest) {
            self.arriving = Some(newest);
            return;
        }
        self.retry = None;
        self.tried = newest;
        self.swap();
    }

    fn swap(&mut self) {
        let file = &self.tried.path;
        match self.reloader.swap_in(file, &self.served) {
            Ok(None) => {}
            Ok(Some(bundle)) => {
                self.console
                    .tell(&Event::BundleServed(BundleServed::new(file, &bundle)));
                self.served = bundle.digest;
            }
            Err(error) => {
                if matches!(error, StartError::Failed(_)) {
                    self.retry = Some(clock::now() + BUNDLE_RETRY_INTERVAL);
                }
                let message = error.to_string();
                self.console.tell(&Event::BundleRefused { file, message });
            }
        }
    }
}
