//! Who stands against whom, and what Terrace is to reach.

mod cache;
mod workers;

pub(crate) use cache::{HITS, MISSES, MISSES_OF_CONDUIT};

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{process::Command, time::timeout};

use crate::{
    Outcome,
    apps::{self, App, CONDUIT, FRESH, WITH_ACCESS_LOG, WITHOUT_ACCESS_LOG, WITHOUT_CACHE},
    contestant::{Contestant, GREETING, Kind},
    limits::MAX_SEED_TIME,
    options::Files,
    programs::Peers,
};

/// Users of the seeded database.
const USERS: &str = "100";

/// Articles of the seeded database.
const ARTICLES: &str = "1000";

/// What Terrace is to be compared with `wasmtime serve`, at least, when instances are reused.
const AIM_WITH_REUSE: f64 = 1.8;

/// The same with an instance for each request.
const AIM_WITH_FRESH_INSTANCES: f64 = 2.0;

/// What Terrace is to be compared with native code, at least.
const AIM_OF_NATIVE: f64 = 0.45;

/// What Terrace is to be compared with another build of itself, at least: within what one run can tell apart.
const AIM_AGAINST_ANOTHER_BUILD: f64 = 0.97;

/// The other build of Terrace.
const OTHER_BUILD: &str = "the other terrace";

/// Terrace as it is without settings.
const WITH_LOG: &str = "terrace, access log on";

/// The limit with another way to share the work among threads.
const STEALING: &str = "native hyper, work stealing";

/// Contestants that start as another one does.
const SAME_START: [&str; 2] = [WITH_LOG, STEALING];

/// What conduit is asked for on the seeded database.
struct Asked {
    path: &'static str,
    expects: &'static str,
}

/// A list of articles.
const ONE_PAGE: Asked = Asked {
    path: "/api/articles?limit=20",
    expects: "\"articlesCount\":1000",
};

/// An article.
const ONE_ARTICLE: Asked = Asked {
    path: "/api/articles/article-500",
    expects: "\"slug\":\"article-500\"",
};

/// Makes contestants, each with a folder of its own.
pub(crate) struct Lineup<'a> {
    files: &'a Files,
    peers: &'a Peers,
    /// The folder of the contestants' folders.
    folder: PathBuf,
}

impl Asked {
    /// A contestant that is asked for this.
    fn of(&self, contestant: Contestant) -> Contestant {
        Contestant {
            path: self.path,
            expects: self.expects,
            ..contestant
        }
    }
}

impl<'a> Lineup<'a> {
    /// With folders below `folder`, which must be an absolute path: servers are started in their own.
    pub(crate) fn new(files: &'a Files, peers: &'a Peers, folder: &Path) -> Self {
        Self {
            files,
            peers,
            folder: folder.to_owned(),
        }
    }

    /// Everyone who says hello, with instances that are reused where there are any.
    pub(crate) fn hello(&self) -> Outcome<Vec<Contestant>> {
        let hello = self.guest("hello");
        let app = |settings| App::new(settings).with("hello", "/hello", &hello, "");
        let mut contestants = vec![
            self.terrace("terrace", &app(WITHOUT_ACCESS_LOG))?,
            self.terrace(WITH_LOG, &app(WITH_ACCESS_LOG))?,
            self.wasmtime("wasmtime serve", &[], AIM_WITH_REUSE)?,
            self.peer("workerd, JavaScript", "workerd", Kind::Workerd)?,
            self.peer("nginx, return 200", "nginx", Kind::Nginx)?,
            self.native("native hyper, thread per core", "per-core")?,
            self.native(STEALING, "stealing")?,
        ];
        self.add_other_build(&mut contestants)?;
        Ok(contestants)
    }

    /// Those of [`Self::hello`] whose start differs from that of the others.
    pub(crate) fn starts(&self) -> Outcome<Vec<Contestant>> {
        let mut contestants = self.hello()?;
        contestants.retain(|contestant| !SAME_START.contains(&contestant.name.as_str()));
        Ok(contestants)
    }

    /// Hello with an instance for each request.
    pub(crate) fn fresh(&self) -> Outcome<Vec<Contestant>> {
        let hello = self.guest("hello");
        let app = App::new(WITHOUT_ACCESS_LOG).with("hello", "/hello", &hello, FRESH);
        let once = &["--max-instance-reuse-count", "1"];
        let mut contestants = vec![
            self.terrace("terrace, fresh instances", &app)?,
            self.wasmtime(
                "wasmtime serve, fresh instances",
                once,
                AIM_WITH_FRESH_INSTANCES,
            )?,
        ];
        self.add_other_build(&mut contestants)?;
        Ok(contestants)
    }

    /// Conduit on a seeded database, asked for a list of articles and for one of them. Without a cache, so that it is
    /// the function that is measured.
    pub(crate) async fn conduit(&self) -> Outcome<[Contestant; 2]> {
        let terrace = self.seeded("terrace, conduit", WITHOUT_CACHE).await?;
        Ok([ONE_PAGE.of(terrace.clone()), ONE_ARTICLE.of(terrace)])
    }

    /// An app of many functions.
    pub(crate) fn functions(&self, count: usize) -> Outcome<Contestant> {
        let contestant = Contestant {
            path: "/f0",
            ..self.contestant(
                "terrace, functions",
                Ok(self.files.terrace.clone()),
                Kind::Terrace,
            )?
        };
        apps::distinct_functions(&contestant.folder, &self.guest("hello"), count)?;
        Ok(contestant)
    }

    /// `terrace up` with conduit on a database of its own.
    async fn seeded(&self, name: &str, settings: &'static str) -> Outcome<Contestant> {
        let conduit = self.guest("conduit");
        let app = App::new(settings).with("conduit", "/api/...", &conduit, CONDUIT);
        let terrace = self.terrace(name, &app)?;
        self.seed(&terrace.state_folder().join("default.db"), &[])
            .await?;
        Ok(terrace)
    }

    fn terrace(&self, name: &str, app: &App) -> Outcome<Contestant> {
        let contestant = self.contestant(name, Ok(self.files.terrace.clone()), Kind::Terrace)?;
        app.write(&contestant.folder)?;
        Ok(contestant)
    }

    /// Adds what the first contestant is, with the program of [`Files::against`], right behind it: the two are measured
    /// one after the other, so that what disturbs the machine disturbs both.
    fn add_other_build(&self, contestants: &mut Vec<Contestant>) -> Outcome {
        let (Some(program), Some(first)) = (&self.files.against, contestants.first()) else {
            return Ok(());
        };
        let program = program
            .canonicalize()
            .map_err(|error| format!("{}: {error}", program.display()));
        let folder = first.folder.with_extension("other");
        copy_files(&first.folder, &folder)?;
        let other = Contestant {
            name: OTHER_BUILD.to_owned(),
            program,
            folder,
            aim: Some(AIM_AGAINST_ANOTHER_BUILD),
            ..first.clone()
        };
        contestants.insert(1, other);
        Ok(())
    }

    fn wasmtime(
        &self,
        name: &str,
        arguments: &'static [&'static str],
        aim: f64,
    ) -> Outcome<Contestant> {
        let component = self.guest("hello");
        let kind = Kind::WasmtimeServe {
            component,
            arguments,
        };
        let contestant = self.peer(name, "wasmtime", kind)?;
        Ok(Contestant {
            aim: Some(aim),
            ..contestant
        })
    }

    fn peer(&self, name: &str, program: &str, kind: Kind) -> Outcome<Contestant> {
        self.contestant(name, self.peers.path(program), kind)
    }

    fn native(&self, name: &str, threads: &'static str) -> Outcome<Contestant> {
        let kind = Kind::Native { threads };
        let contestant = self.contestant(name, Ok(self.files.native.clone()), kind)?;
        Ok(Contestant {
            aim: Some(AIM_OF_NATIVE),
            ..contestant
        })
    }

    fn contestant(
        &self,
        name: &str,
        program: Result<PathBuf, String>,
        kind: Kind,
    ) -> Outcome<Contestant> {
        let folder = self.folder.join(name.replace([' ', ','], "-"));
        fs::create_dir_all(&folder)?;
        Ok(Contestant {
            name: name.to_owned(),
            program,
            kind,
            folder,
            path: "/hello",
            expects: GREETING,
            aim: None,
        })
    }

    fn guest(&self, name: &str) -> PathBuf {
        self.files.guests.join(name).with_extension("wasm")
    }

    async fn seed(&self, database: &Path, arguments: &[&str]) -> Outcome {
        let mut seeder = Command::new(&self.files.seeder);
        seeder.arg("--database").arg(database);
        seeder
            .args(["--users", USERS, "--articles", ARTICLES])
            .args(arguments);
        seeder.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(MAX_SEED_TIME, seeder.output()).await??;
        if output.status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&output.stderr);
        Err(format!("the seeder of conduit failed: {}", printed.trim_end()).into())
    }
}

/// Copies the files of a folder, but nothing of the folders in it.
fn copy_files(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
