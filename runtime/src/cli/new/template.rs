//! The files of a new project. They are in `runtime/templates/` and compiled into this program, with the SDK's source,
//! to which links lead from there. `new` writes them.

use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};

use crate::cli::arguments::{Target, Template};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The further suffix of `Cargo.toml` in templates. Cargo leaves folders with a `Cargo.toml` out of a package.
const SUFFIX: &str = "tmpl";

/// The folder of the SDK's source in a project. The template's `Cargo.toml` names it.
const SDK_FOLDER: &str = "vendor/terrace-sdk";

/// The lines of the SDK's `Cargo.toml` that are valid in its workspace only.
const SDK_LINTS: &str = "\n[lints]\nworkspace = true\n";

/// A file of a project.
#[derive(Debug)]
pub(super) struct ProjectFile {
    /// Its path in the project.
    pub(super) path: PathBuf,
    /// Its content.
    pub(super) text: String,
}

impl Template {
    /// The files of a project of this name, with those of the SDK.
    pub(super) fn files(self, name: &str) -> Vec<ProjectFile> {
        let mut files = match self {
            Self::HttpRust => rendered("http-rust", name),
        };
        files.extend(sdk());
        files
    }
}

impl Target {
    /// The files that this target adds to a project of this name.
    pub(super) fn files(self, name: &str) -> Vec<ProjectFile> {
        match self {
            Self::Worker => rendered("worker", name),
        }
    }
}

/// The files of a template. `{{name}}` becomes the project's name, and `{{crate}}` the same as rustc spells it.
fn rendered(template: &str, name: &str) -> Vec<ProjectFile> {
    let mut files = folder(template);
    for file in &mut files {
        let text = file.text.replace("{{name}}", name);
        file.text = text.replace("{{crate}}", &name.replace('-', "_"));
    }
    files
}

/// The source of the SDK as a crate without a workspace.
fn sdk() -> Vec<ProjectFile> {
    let mut files = folder("terrace-sdk");
    for file in &mut files {
        if file.path == Path::new("Cargo.toml") {
            file.text = file.text.replace(SDK_LINTS, "");
        }
        file.path = Path::new(SDK_FOLDER).join(&file.path);
    }
    files
}

/// The files of a folder of `runtime/templates/`, with their paths in it.
fn folder(name: &str) -> Vec<ProjectFile> {
    let folder = TEMPLATES
        .get_dir(name)
        .expect("each template has a folder of its name");
    let mut files = Vec::new();
    collect(folder, &mut files);
    let file = |file: &File<'_>| {
        let path = file.path().strip_prefix(name).unwrap_or(file.path());
        let has_suffix = path.extension().is_some_and(|end| end == SUFFIX);
        ProjectFile {
            path: if has_suffix {
                path.with_extension("")
            } else {
                path.to_owned()
            },
            text: file.contents_utf8().expect("templates are text").to_owned(),
        }
    };
    files.into_iter().map(file).collect()
}

fn collect<'f>(folder: &'f Dir<'f>, files: &mut Vec<&'f File<'f>>) {
    files.extend(folder.files());
    for folder in folder.dirs() {
        collect(folder, files);
    }
}

#[cfg(test)]
mod tests;
