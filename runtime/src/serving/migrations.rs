//! The migrations of an app: read before anything is opened, applied before it serves.
//! Their record, their lock and their transactions are left to the crate [`storage`].

use std::path::PathBuf;

use storage::dialect::{self, Cause, Refusal, Schema};
use storage::sql::Database;
use storage::sql::migrations::{self, Applied, Migration, MigrationError, Pending};

use super::{StartError, failed};
use crate::block_on::block_on;
use crate::fault::{Fault, Faults, Reason, Source};
use crate::manifest::{App, MigrationFolder};
use crate::state::State;

/// The migrations of one database.
#[derive(Debug)]
pub struct Migrations {
    /// The label of the database.
    pub label: String,
    /// The files in the order of their numbers.
    pub files: Vec<Migration>,
    folder: PathBuf,
}

impl Migrations {
    /// Reads the migrations of all databases of an app.
    ///
    /// # Errors
    /// The folders and files that cannot be read, and those that are no migrations.
    pub fn read(app: &App) -> Result<Vec<Self>, Faults> {
        let mut faults = Faults::default();
        let mut all = Vec::new();
        for MigrationFolder {
            label,
            folder,
            position,
        } in &app.migrations
        {
            let folder = app.directory.join(folder);
            match migrations::read(&folder) {
                Ok(files) => all.push(Self {
                    label: label.clone(),
                    files,
                    folder,
                }),
                Err(error) => {
                    let reason = Reason::new(format!("the migrations of `{label}`: {error}"));
                    let fault = Fault::new(&app.manifest, reason).at(position.clone());
                    faults.0.push(fault);
                }
            }
        }
        faults.or(all)
    }

    /// Applies those that the database lacks.
    ///
    /// # Errors
    /// If files do not fit what is recorded, which the user mends, or one fails.
    pub async fn apply(&self, database: &Database) -> Result<Vec<Applied>, StartError> {
        let applied = migrations::apply(database, &self.files).await;
        applied.map_err(|error| self.start_error(&error))
    }

    /// Those that the database lacks.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn pending(&self, database: &Database) -> Result<Vec<Pending<'_>>, StartError> {
        let pending = migrations::pending(database, &self.files).await;
        pending.map_err(|error| self.start_error(&error))
    }

    fn start_error(&self, error: &MigrationError) -> StartError {
        match error {
            MigrationError::Changed { name } | MigrationError::Late { name, .. } => {
                Faults::from(Fault::new(self.folder.join(name), error.to_string())).into()
            }
            MigrationError::Unreadable { .. }
            | MigrationError::NoNumber { .. }
            | MigrationError::SameNumber { .. }
            | MigrationError::Transaction { .. }
            | MigrationError::Missing { .. } => {
                Faults::from(Fault::new(&self.folder, error.to_string())).into()
            }
            MigrationError::Statement { .. } | MigrationError::Record(_) => failed(format!(
                "the migrations of the database `{}`: {error}",
                self.label
            )),
        }
    }

    /// The statements of a file as Postgres gets them. `schema` is the one before the file, and then the one after it.
    ///
    /// # Errors
    /// The first statement that Postgres would not take, or would answer otherwise.
    pub fn for_postgres(
        &self,
        file: &Migration,
        schema: &mut Schema,
    ) -> Result<Vec<String>, Faults> {
        let mut texts = Vec::new();
        for range in file.statements() {
            let translated = translated(&file.text[range.clone()], schema);
            texts.extend(translated.map_err(|refusal| {
                Faults::from(refused(&self.source(file), range.start, refusal))
            })?);
        }
        Ok(texts)
    }

    /// The file of the migration with that name.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn source(&self, file: &Migration) -> Source {
        Source {
            file: self.folder.join(&file.name),
            text: file.text.clone(),
        }
    }

    /// The statements that Postgres would not take, or would answer otherwise.
    pub(super) fn not_portable(&self) -> Faults {
        let mut faults = Faults::default();
        let mut schema = Schema::new();
        for file in &self.files {
            let source = self.source(file);
            for range in file.statements() {
                let is_new = faults.0.is_empty();
                // A table whose statement is refused is missing for the later ones, which are not wrong for that.
                match translated(&file.text[range.clone()], &mut schema) {
                    Err(refusal) if is_new || refusal.cause != Cause::Unknown => {
                        faults.0.push(refused(&source, range.start, refusal));
                    }
                    Err(_) | Ok(_) => {}
                }
            }
        }
        faults
    }
}

/// A statement for Postgres; the schema is then the one after it.
fn translated(statement: &str, schema: &mut Schema) -> Result<Vec<String>, Refusal> {
    let translated = dialect::translate(statement, schema, &[])?;
    schema.apply(statement)?;
    Ok(translated.texts)
}

/// The fault of a refused statement, which begins at `start`.
fn refused(source: &Source, start: usize, mut refusal: Refusal) -> Fault {
    let at = start + refusal.place.offset;
    refusal.reason.insert_str(0, "not portable: ");
    source.fault(&(at..at), portability(refusal))
}

/// What is not portable, and what to write instead.
pub fn portability(refusal: Refusal) -> Reason {
    let mut reason = Reason::new(refusal.reason);
    reason.suggestion = refusal.portable.map(|portable| format!("write {portable}"));
    reason
}

/// Applies the migrations of the databases that are open, one database after the other.
pub(super) fn apply_all(all: &[Migrations], state: &State) -> Result<(), StartError> {
    let opened = all.iter().filter_map(|migrations| {
        let database = state.database(&migrations.label)?;
        Some((migrations, database))
    });
    let opened: Vec<_> = opened.collect();
    let applying = async {
        // What does not fit one database is seen before another one is changed.
        for (migrations, database) in opened.iter().filter(|_| opened.len() > 1) {
            migrations.pending(database).await?;
        }
        for (migrations, database) in &opened {
            for Applied { name, .. } in migrations.apply(database).await? {
                tracing::info!(database = migrations.label, "applied the migration {name}");
            }
        }
        Ok(())
    };
    block_on(applying).map_err(failed)?
}
