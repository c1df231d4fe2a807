//! The same functions on Terrace, and built for Cloudflare on workerd itself.

use std::{fs, path::Path};

use super::{Lineup, ONE_PAGE};
use crate::{
    Outcome,
    apps::{App, WITHOUT_ACCESS_LOG, WITHOUT_CACHE},
    contestant::{Contestant, Kind},
};

/// What Terrace is to be compared with workerd, at least, where both run the same greeting.
const AIM_OF_HELLO: f64 = 2.5;

/// Where workerd keeps the database of its configuration, below the state folder: named after its `uniqueKey` and after
/// a hash of both names. workerd would begin with an empty database at any other place, and not answer as is expected.
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

    /// Conduit on both, each on a database with the same content, and Terrace without its cache.
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
