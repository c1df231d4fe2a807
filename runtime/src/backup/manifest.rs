//! The file that says what is in a backup. What is read from it is judged here: it may come from anywhere.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use storage::sql::backup::Content;

use super::Error;
use crate::limits::MAX_BACKUP_MANIFEST_BYTES;

/// The name of the file.
pub(crate) const FILE: &str = "backup.json";

/// The format that this version reads and writes.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The version of Terrace that made it.
    pub(crate) terrace: String,
    /// The name of the app.
    pub(crate) app: String,
    /// The moment of which the databases are.
    pub(crate) time: String,
    /// The databases.
    pub(crate) databases: Vec<Database>,
}

/// A database in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Database {
    /// The file in the folder of the backup.
    pub(crate) file: String,
    /// What the settings called it.
    pub(crate) names: Vec<String>,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Database {
    pub(crate) fn content(&self) -> Content {
        Content {
            bytes: self.bytes,
            sha256: self.sha256.clone(),
        }
    }
}

/// The part that is read first, of whatever format.
#[derive(Deserialize)]
struct Beginning {
    format: u32,
    terrace: String,
}

impl Manifest {
    pub(crate) fn new(app: &str, time: String, databases: Vec<Database>) -> Self {
        Self {
            format: FORMAT,
            terrace: env!("CARGO_PKG_VERSION").to_owned(),
            app: app.to_owned(),
            time,
            databases,
        }
    }

    /// The manifest of the backup in a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = folder.display();
                let what = format!("{folder} is no backup: it has no {FILE}");
                return Err(Error::Refused(what));
            }
            Err(error) => return Err(damaged(&path, error)),
        };
        let beginning: Beginning =
            serde_json::from_str(&text).map_err(|error| damaged(&path, error))?;
        if beginning.format != FORMAT {
            let version = beginning.terrace.escape_debug().to_string();
            return Err(Error::Refused(format!(
                "the backup in {} is of Terrace {version}, in a format that this version does not know; restore it with that version",
                folder.display()
            )));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(|error| damaged(&path, error))?;
        manifest.check().map_err(|what| damaged(&path, what))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), &'static str> {
        // A name with a folder in it could be any file of the machine.
        let is_plain = |name: &str| {
            let mut letters = name.bytes();
            name.ends_with(".db")
                && !name.starts_with('.')
                && letters.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match self
            .databases
            .iter()
            .all(|database| is_plain(&database.file))
        {
            true => Ok(()),
            false => Err("it names a file that cannot be one of a backup"),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?.take(MAX_BACKUP_MANIFEST_BYTES);
    io::BufReader::new(file).read_to_string(&mut text)?;
    Ok(text)
}

fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::Refused(format!("{} is damaged: {what}", path.display()))
}
