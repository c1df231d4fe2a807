//! Reads a manifest from top to bottom. Each of its tables has a module of its own.

use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::{App, Artefacts, application, check, component, trigger};
use crate::document::{Document, Table};
use crate::fault::{Faults, Source};

/// Reads and judges a whole manifest.
pub(super) fn app(source: Source, artefacts: Artefacts) -> Result<App, Faults> {
    let document = Document::new(source);
    let parsed = document.parse()?;
    let root = document.root(&parsed);
    application::check_version(&root);
    // Another version has other keys: faults against this one would only mislead.
    document.take_faults().or(())?;
    let app = tables(&document, &root, artefacts);
    document.take_faults().or(app)
}

fn tables<'d>(document: &'d Document, root: &Table<'d>, artefacts: Artefacts) -> App {
    let (name, version, tool) = application::details(root);
    let variables = application::variables(root);
    let mut reader = Reader {
        directory: directory_of(document.file()),
        artefacts,
        variables: variables.iter().map(|(name, _)| *name).collect(),
        labels: Vec::new(),
    };
    let mut components = component::components(&mut reader, root);
    let triggers = trigger::triggers(&mut reader, root, &mut components);
    check::dependencies(&mut components);
    check::directory(root, &reader.directory);
    check::identifiers(root, &components);
    check::internal_hosts(&components);
    check::queues(root, &components);
    check::routes(document, &triggers);
    let outboxes = check::outboxes(&tool.outboxes, &reader.labels);
    root.finish();
    let owned = |(name, variable): (&str, _)| (name.to_owned(), variable);
    App {
        name,
        version,
        manifest: document.file().to_owned(),
        directory: reader.directory,
        components: components.into_iter().map(|read| read.component).collect(),
        triggers: triggers.into_iter().map(|read| read.trigger).collect(),
        variables: variables.into_iter().map(owned).collect(),
        migrations: tool.migrations,
        outboxes,
        labels: reader.labels,
    }
}

/// The directory of the manifest as an absolute path, so that it means the same everywhere.
fn directory_of(file: &Path) -> PathBuf {
    let parent = file.parent().unwrap_or(Path::new(""));
    std::path::absolute(Path::new(".").join(parent)).unwrap_or_else(|_| parent.to_owned())
}
