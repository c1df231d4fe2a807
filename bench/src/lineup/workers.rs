//! The same functions on Terrace and, built for Cloudflare, on workerd.

use std::{fs, path::Path};

use super::{Lineup, ONE_PAGE};
use crate::{
    Outcome,
    apps::{App, WITHOUT_ACCESS_LOG, WITHOUT_CACHE},
    contestant::{Contestant, Kind},
};

/// The aim for Terrace compared with workerd, if both serve the same greeting.
const AIM_OF_HELLO: f64 = 2.5;

/// The file of workerd's database, in the state folder: workerd names it after the `uniqueKey` in its configuration and a hash of
/// both names. Without a file at this path, it would begin with an empty database and not answer as expected.
const DATABASE: &str = "d1/24219fff48e4e9ba3825ad7967bb23509e82bead8db1e3afe1d22b768c1e1189.sqlite";

impl Lineup<'_> {
    /// Hello on both.
    pub(crate) fn hello_of_workers(&self) -> Outcome<[Contestant; 2]> {
        let hello = self.guest("hello");
        let app = App::new(WITHOUT_ACCESS_LOG).with("hello", "/hello", &hello, "");
        let worker = self.worker("workerd, the same hello", "hello")?;
        Ok([
            self.terrace("terrace, hello", &app)?,
            Contestant {
                aim: Some(AIM_OF_HELLO),
                ..worker
            },
        ])
    }

    /// Conduit on both, with equal databases, and Terrace without its cache.
    pub(crate) async fn conduit_of_workers(&self) -> Outcome<[Contestant; 2]> {
        let terrace = self.seeded("terrace, conduit beside workerd", WITHOUT_CACHE);
        let worker = self.worker("workerd, the same conduit", "conduit")?;
        let database = worker.state_folder().join(DATABASE);
        self.seed(&database, &["--d1"]).await?;
        Ok([ONE_PAGE.of(terrace.await?), ONE_PAGE.of(worker)])
    }

    fn worker(&self, name: &str, function: &str) -> Outcome<Contestant> {
        let contestant = self.peer(name, "workerd", Kind::Worker)?;
        let built = self.files.workers.as_ref();
        let built = built.ok_or("the functions were not built for Cloudflare: give --workers")?;
        copy_files(&built.join(function), &contestant.folder)?;
        Ok(contestant)
    }
}

fn copy_files(from: &Path, to: &Path) -> Outcome {
    for file in fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}
