//! The files of the site: which one answers a path, and in which variants there is one.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use terrace_sdk::http::HeaderMap;

use crate::encoding::{self, CODINGS, Coding};
use crate::entity_tag::{self, Identified};
use crate::lifetime::Lifetimes;
use crate::path::{Named, name_of};

/// The file that answers for its folder.
const INDEX: &str = "index.html";

/// The files below a folder, and how long they may be used.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    /// The folder.
    pub(crate) root: &'a Path,
    /// What `Cache-Control` says of them.
    pub(crate) lifetimes: Lifetimes,
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file to send.
    File(Asset),
    /// A folder with a page of its own, asked for without the slash that its links need.
    Folder,
    /// Nothing.
    Missing,
}

/// An open file, with what its header fields are made of.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its path from the root, without the suffix of a coding.
    pub(crate) path: PathBuf,
    /// The coding of this variant.
    pub(crate) coding: Option<Coding>,
    /// Whether clients that accept other codings get other variants.
    pub(crate) has_variants: bool,
    /// The open file.
    pub(crate) file: File,
    /// Its entity tag and its length.
    pub(crate) identified: Identified,
}

impl Site<'_> {
    /// Finds the file for a path, in the coding that the client likes best.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub(crate) fn find(&self, named: Named, headers: &HeaderMap) -> io::Result<Found> {
        let mut path = named.path;
        if named.is_folder {
            path.push(INDEX);
        }
        match self.at(&path) {
            Some(there) if there.is_file() => self.open(path, headers).map(Found::File),
            Some(_) if self.is_file(&path.join(INDEX)) => Ok(Found::Folder),
            _ => Ok(Found::Missing),
        }
    }

    /// The variant of a file that a client likes best.
    fn open(&self, path: PathBuf, headers: &HeaderMap) -> io::Result<Asset> {
        let there_is: Vec<Coding> = CODINGS
            .into_iter()
            .filter(|coding| self.is_file(&variant(&path, *coding)))
            .collect();
        let coding = encoding::choose(headers, &there_is);
        let full = match coding {
            Some(coding) => self.root.join(variant(&path, coding)),
            None => self.root.join(&path),
        };
        let mut file = File::open(&full)?;
        let identified = entity_tag::identify(&full, &mut file)?;
        Ok(Asset {
            path,
            coding,
            has_variants: !there_is.is_empty(),
            file,
            identified,
        })
    }

    fn is_file(&self, path: &Path) -> bool {
        self.at(path).is_some_and(|there| there.is_file())
    }

    /// What is at a path, if anything is: a path that the file system does not even understand names nothing.
    fn at(&self, path: &Path) -> Option<Metadata> {
        fs::metadata(self.root.join(path)).ok()
    }
}

/// The path of a file's variant in a coding.
fn variant(path: &Path, coding: Coding) -> PathBuf {
    path.with_file_name(format!("{}{}", name_of(path), coding.suffix))
}
