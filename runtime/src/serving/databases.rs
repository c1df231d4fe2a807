//! The databases of an installation for commands that serve nothing, found as `terrace up` finds them.
//! Running statements is left to the commands.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use storage::sql::Database;
use storage::sql::transfer::Place;

use super::inputs::{config, manifest_folder};
use super::migrations::Migrations;
use super::open::make_state_directory;
use super::unpacked::{self, Unpacked};
use super::{ServingOptions, StartError, failed};
use crate::backup::Installation;
use crate::bundle;
use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::manifest::App;
use crate::settings::{Config, Engine};
use crate::state::{self, StateLock};

/// The databases by label. None is open.
pub struct Databases {
    config: Config,
    state_directory: PathBuf,
    /// Keeps a restore away once a database is in use.
    lock: OnceCell<StateLock>,
}

impl Databases {
    /// Reads the settings. The manifest may be wrong, or missing: only its folder counts.
    ///
    /// # Errors
    /// All that is wrong with the settings.
    pub fn read(options: &ServingOptions) -> Result<Self, Faults> {
        let folder = manifest_folder(&options.manifest);
        let state_directory = options.state_directory(&folder);
        let config = config(options.config.as_deref(), &folder, &state_directory)?;
        Ok(Self {
            config,
            state_directory,
            lock: OnceCell::new(),
        })
    }

    /// Opens the database of a label, which must exist.
    ///
    /// # Errors
    /// If there is no such label or no such database, or it cannot be opened.
    pub fn open(&self, label: &str) -> Result<Database, StartError> {
        self.open_if_present(label)?
            .ok_or_else(|| self.absent(label))
    }

    /// The same if the database exists.
    ///
    /// # Errors
    /// If there is no such label, or the database cannot be opened.
    pub fn open_if_present(&self, label: &str) -> Result<Option<Database>, StartError> {
        let engine = self.engine(label)?;
        // A server's database exists, or opening it says that it does not.
        if let Engine::Sqlite(path) = engine
            && !path.exists()
        {
            return Ok(None);
        }
        self.hold()?;
        state::open_database(engine).map(Some).map_err(failed)
    }

    /// Whether the database of a label is on a Postgres server.
    #[must_use]
    pub fn is_on_postgres(&self, label: &str) -> bool {
        self.config.is_on_postgres(label)
    }

    /// Opens the database of a label, and makes it if it does not exist.
    ///
    /// # Errors
    /// If there is no such label, or the database cannot be made or opened.
    pub fn open_or_create(&self, label: &str) -> Result<Database, StartError> {
        let engine = self.engine(label)?;
        make_state_directory(&self.state_directory)?;
        self.hold()?;
        state::open_database(engine).map_err(failed)
    }

    /// Where the database of a label is.
    ///
    /// # Errors
    /// If there is no such label or no such database.
    pub fn place(&self, label: &str) -> Result<Place, StartError> {
        let engine = self.engine(label)?;
        match engine {
            Engine::Sqlite(path) if !path.exists() => Err(self.absent(label)),
            engine => {
                self.hold()?;
                Ok(state::place(engine))
            }
        }
    }

    /// How a running server names the place of a database.
    ///
    /// # Errors
    /// If there is no such label.
    pub fn shown(&self, label: &str) -> Result<String, Faults> {
        Ok(self.engine(label)?.shown())
    }

    /// The admin listener of the settings; none if it is off.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.config.listen.admin
    }

    /// The state of this installation, for backups of it. The app is that of a manifest, or of the newest bundle.
    ///
    /// # Errors
    /// What is wrong with the manifest or the bundle.
    pub(crate) fn installation(&self, manifest: &Path) -> Result<Installation, Faults> {
        let app = match unpacked::named(manifest).first() {
            Some(file) => bundle::read(&file.path, None, None)?.index.app,
            None => App::load_unbuilt(manifest)?.name,
        };
        Ok(Installation::of(&self.config, &app, &self.state_directory))
    }

    /// An app and its migrations. The app is that of a manifest, or of the newest bundle.
    ///
    /// # Errors
    /// What is wrong with the manifest, the bundle or the migrations.
    pub fn migrations(&self, manifest: &Path) -> Result<(App, Vec<Migrations>), Faults> {
        let read = |manifest: &Path| {
            let app = App::load_unbuilt(manifest)?;
            let migrations = Migrations::read(&app)?;
            Ok((app, migrations))
        };
        let Some(file) = unpacked::named(manifest).into_iter().next() else {
            return read(manifest);
        };
        // What is read here needs the files no more.
        let unpacked = Unpacked::of(&file.path, &self.config, &self.state_directory)?;
        read(&unpacked.manifest()).map_err(|faults| unpacked.renamed(faults))
    }

    fn hold(&self) -> Result<(), StartError> {
        // Databases may be elsewhere, and all of the app's state with them.
        if self.state_directory.is_dir() && self.lock.get().is_none() {
            let lock = StateLock::shared(&self.state_directory).map_err(failed)?;
            let _ = self.lock.set(lock);
        }
        Ok(())
    }

    fn absent(&self, label: &str) -> StartError {
        let path = self.config.sql[label].place();
        let path = path.display();
        failed(format!(
            "the database `{label}` does not exist yet: there is no {path}, which `terrace up` makes; name the app with `--from`, or its state with `--state-dir`"
        ))
    }

    fn engine(&self, label: &str) -> Result<&Engine, Faults> {
        self.config.sql.get(label).ok_or_else(|| {
            let known: Vec<_> = self.config.sql.keys().map(String::as_str).collect();
            let reason = Reason::new(format!("there is no database with the label `{label}`"));
            Fault::new(
                "--label",
                reason.help(did_you_mean(label, &known, "labels")),
            )
            .into()
        })
    }
}
