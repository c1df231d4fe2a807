//! The contestants of each part, and Terrace's aims.

mod assets;
mod cache;
mod edge;
mod nodes;
mod queues;
mod sql;
mod workers;

pub(crate) use cache::{HITS, MISSES, MISSES_OF_CONDUIT};
pub(crate) use edge::{PASSED_ON, SECURE_HITS};

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

/// The aim for Terrace compared with `wasmtime serve`, with reused instances.
const AIM_WITH_REUSE: f64 = 1.8;

/// The same with a new instance for each request.
const AIM_WITH_FRESH_INSTANCES: f64 = 2.0;

/// The aim for Terrace compared with native code.
const AIM_OF_NATIVE: f64 = 0.45;

/// The aim for Terrace compared with another build of itself: smaller differences are noise in one run.
const AIM_AGAINST_ANOTHER_BUILD: f64 = 0.97;

/// The name of the other build of Terrace.
const OTHER_BUILD: &str = "the other terrace";

/// The name of Terrace with its defaults.
const WITH_LOG: &str = "terrace, access log on";

/// The name of the limit with another way to share the work among threads.
const STEALING: &str = "native hyper, work stealing";

/// Contestants that start like another one.
const SAME_START: [&str; 2] = [WITH_LOG, STEALING];

/// A request to conduit on the seeded database.
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

/// One request to Terrace and to another server.
pub(crate) struct Compared {
    pub(crate) title: String,
    pub(crate) contestants: [Contestant; 2],
    /// The script of the load generator.
    pub(crate) script: PathBuf,
}

/// Makes contestants, each with a folder of its own.
pub(crate) struct Lineup<'a> {
    files: &'a Files,
    peers: &'a Peers,
    /// The folder of the contestants' folders.
    folder: PathBuf,
}

impl Asked {
    /// A contestant that gets this request.
    fn of(&self, contestant: Contestant) -> Contestant {
        Contestant {
            path: self.path,
            expects: self.expects,
            ..contestant
        }
    }
}

impl<'a> Lineup<'a> {
    /// Makes the folders in `folder`, which must be an absolute path, because each server starts in its own folder.
    pub(crate) fn new(files: &'a Files, peers: &'a Peers, folder: &Path) -> Self {
        Self {
            files,
            peers,
            folder: folder.to_owned(),
        }
    }

    /// All contestants of hello, with reused instances if they have instances.
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

    /// The contestants of [`Self::hello`] that start differently from the others.
    pub(crate) fn starts(&self) -> Outcome<Vec<Contestant>> {
        let mut contestants = self.hello()?;
        contestants.retain(|contestant| !SAME_START.contains(&contestant.name.as_str()));
        Ok(contestants)
    }

    /// Hello with a new instance for each request.
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

    /// Conduit on a seeded database: a list of articles, and one article. Without the cache, to measure the function.
    pub(crate) async fn conduit(&self) -> Outcome<[Contestant; 2]> {
        let terrace = self.seeded("terrace, conduit", WITHOUT_CACHE).await?;
        Ok([ONE_PAGE.of(terrace.clone()), ONE_ARTICLE.of(terrace)])
    }

    /// An app with many functions.
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

    /// Adds a copy of the first contestant with the program of [`Files::against`], right after it, so that a disturbance of the
    /// machine affects both.
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
        let arguments = ["--threads", threads].map(str::to_owned).to_vec();
        let kind = Kind::Native { arguments };
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

/// Copies the files of a folder, without its folders.
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
