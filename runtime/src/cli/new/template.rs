//! The files that a project begins with. They are in `runtime/templates/`, and part of this program; so is the
//! source of the SDK, which links lead to from there. Where the files go is up to `new`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use include_dir::{Dir, File, include_dir};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Cargo leaves a folder with a `Cargo.toml` out of the package around it, so here that file has one more suffix.
const SUFFIX: &str = "tmpl";

/// Where a project has the source of the SDK. The template's `Cargo.toml` names this folder.
const SDK_FOLDER: &str = "vendor/terrace-sdk";

/// What the SDK's `Cargo.toml` inherits from its workspace, and cannot have outside of it.
const SDK_LINTS: &str = "\n[lints]\nworkspace = true\n";

/// A file of a project.
#[derive(Debug)]
pub(super) struct ProjectFile {
    /// Its path in the project.
    pub(super) path: PathBuf,
    /// What it holds.
    pub(super) text: String,
}

/// What a project begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// An HTTP handler in Rust, with a test
    HttpRust,
}

impl Template {
    /// Its files for a project of this name, with those of the SDK.
    pub(super) fn files(self, name: &str) -> Vec<ProjectFile> {
        let mut files = match self {
            Self::HttpRust => rendered("http-rust", name),
        };
        files.extend(sdk());
        files
    }
}

/// Where a project runs besides Terrace and Spin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Cloudflare, by `wrangler`
    Worker,
}

impl Target {
    /// The files that it adds to a project of this name.
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

/// The source of the SDK as a crate that stands alone.
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
