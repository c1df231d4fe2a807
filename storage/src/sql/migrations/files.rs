//! The files of migrations: their names, numbers, checksums and statements.

use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::MigrationError;
use crate::dialect;

/// The ending of a migration's name.
const ENDING: &str = ".sql";

/// Words that begin statements which no transaction can contain.
const OUTSIDE_TRANSACTIONS: [&str; 9] = [
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "VACUUM",
    "ATTACH",
    "DETACH",
];

/// A file with statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The number at the start of its name.
    pub number: u32,
    /// The file's name.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Reads the migrations of a folder, in the order of their numbers. Files that do not end with `.sql` are ignored.
///
/// # Errors
/// If the folder or a file cannot be read, or the names or contents are no migrations.
pub fn read(folder: &Path) -> Result<Vec<Migration>, MigrationError> {
    let unreadable = |source| MigrationError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let mut migrations: Vec<Migration> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(ENDING) {
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|source| MigrationError::Unreadable {
                path: path.clone(),
                source,
            })?;
            migrations.push(Migration::new(&name, text)?);
        }
    }
    migrations.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    let mut pairs = migrations.windows(2);
    match pairs.find(|pair| pair[0].number == pair[1].number) {
        Some(pair) => Err(MigrationError::SameNumber {
            name: pair[0].name.clone(),
            other: pair[1].name.clone(),
        }),
        None => Ok(migrations),
    }
}

impl Migration {
    /// A migration that was read.
    pub(super) fn new(name: &str, text: String) -> Result<Self, MigrationError> {
        let digits = name.find(|letter: char| !letter.is_ascii_digit());
        let number = name[..digits.unwrap_or(name.len())].parse();
        let number = number.map_err(|_| MigrationError::NoNumber {
            name: name.to_owned(),
        })?;
        let migration = Self {
            number,
            name: name.to_owned(),
            text,
        };
        migration.check_transaction()?;
        Ok(migration)
    }

    /// The statements, as ranges of the text.
    #[must_use]
    pub fn statements(&self) -> Vec<Range<usize>> {
        dialect::statements(&self.text)
    }

    /// The line of an offset in bytes, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.bytes().take(offset);
        before.filter(|byte| *byte == b'\n').count() + 1
    }

    /// SHA-256 of the content in hexadecimal. Line breaks count alike: version control may change them.
    pub(super) fn checksum(&self) -> String {
        let text = self.text.replace("\r\n", "\n");
        format!("{:x}", Sha256::digest(text.as_bytes()))
    }

    fn check_transaction(&self) -> Result<(), MigrationError> {
        for range in self.statements() {
            let statement = &self.text[range.clone()];
            let word = statement
                .split(|letter: char| !letter.is_ascii_alphabetic())
                .next();
            let word = word.unwrap_or_default().to_ascii_uppercase();
            if OUTSIDE_TRANSACTIONS.contains(&word.as_str()) {
                return Err(MigrationError::Transaction {
                    name: self.name.clone(),
                    line: self.line(range.start),
                    word,
                });
            }
        }
        Ok(())
    }
}
