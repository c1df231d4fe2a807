//! Finds the files that an app is made of, and their paths in a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component as Part, Path, PathBuf};

use storage::sql::migrations;

use crate::fault::{Fault, Faults, Reason};
use crate::manifest::{App, MANIFEST_FILE};

/// The files of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The name of the app.
    pub app: String,
    /// Its version.
    pub version: String,
    /// The path of the manifest.
    pub manifest: String,
    /// Folders that must be there even without a file.
    pub folders: BTreeSet<String>,
    /// The files by their paths in the bundle.
    pub files: BTreeMap<String, PathBuf>,
}

impl Contents {
    /// The files of an app, without those that `is_left_out` names. The bundle begins with the app's folder, or with one above it if
    /// the manifest names files there.
    ///
    /// # Errors
    /// The files that cannot be in a bundle.
    pub fn of(app: &App, is_left_out: impl Fn(&Path) -> bool) -> Result<Self, Faults> {
        let mut faults = absolute(app)?;
        let mut found = Vec::new();
        for path in paths(app, &mut faults) {
            match Relative::of(&app.directory, &path) {
                Ok(relative) if !is_left_out(&path) => found.push((relative, path)),
                Ok(_) => {}
                Err(reason) => faults.push(Fault::new(&app.manifest, reason)),
            }
        }
        let above = found.iter().map(|(relative, _)| relative.above).max();
        let above = names_above(&app.directory, above.unwrap_or(0));
        let above = above.map_err(|reason| Fault::new(&app.manifest, reason));
        let above = Faults(faults)
            .or(())
            .and_then(|()| above.map_err(Faults::from))?;
        let name = app.manifest.file_name().unwrap_or(MANIFEST_FILE.as_ref());
        let manifest = Relative::of(&app.directory, &app.directory.join(name));
        let manifest = manifest.map_err(|reason| Fault::new(&app.manifest, reason))?;
        let mut contents = Self {
            app: app.name.clone(),
            version: app.version.clone(),
            manifest: manifest.in_bundle(&above),
            folders: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        found.push((manifest, app.manifest.clone()));
        for (relative, path) in found {
            let bundled = relative.in_bundle(&above);
            if !path.is_dir() {
                contents.files.insert(bundled, path);
            } else if !bundled.is_empty() {
                contents.folders.insert(bundled);
            }
        }
        Ok(contents)
    }
}

/// Checks that an app that was unpacked into `root` names nothing outside of it.
///
/// # Errors
/// Each path that leads out.
pub fn check_inside(app: &App, root: &Path) -> Result<(), Faults> {
    let mut faults = Vec::new();
    let paths = named(app);
    let outside = paths.iter().filter(|path| !is_inside(root, path));
    faults.extend(outside.map(|path| {
        let what = format!("`{}` is outside of the bundle", path.display());
        Fault::new(&app.manifest, Reason::new(what).help(RELATIVE))
    }));
    Faults(faults).or(())
}

/// How a path must be written.
const RELATIVE: &str =
    "write a path relative to the manifest in `spin.toml`, and make the bundle again";

/// The absolute paths in the manifest. Only in another folder they differ from relative ones.
fn absolute(app: &App) -> Result<Vec<Fault>, Faults> {
    let elsewhere = app.moved_to(Path::new(ELSEWHERE))?;
    let named = named(&elsewhere);
    let absolute = named.iter().filter(|path| !path.starts_with(ELSEWHERE));
    let faults = absolute.map(|path| Fault::new(&app.manifest, absolute_path(path)));
    Ok(faults.collect())
}

fn absolute_path(path: &Path) -> Reason {
    let path = path.display();
    let what = format!("`{path}` is an absolute path, which another machine does not have");
    Reason::new(what).help(RELATIVE)
}

/// A folder that is nowhere.
const ELSEWHERE: &str = "/terrace/bundle/elsewhere";

/// The files and folders that the manifest names.
fn named(app: &App) -> Vec<PathBuf> {
    let components = app.components.iter().flat_map(|component| {
        let dependencies = component.dependencies.iter().map(|one| &one.source);
        dependencies.chain([&component.source]).cloned()
    });
    let migrations = app.migrations.iter();
    components
        .chain(migrations.map(|of| app.directory.join(&of.folder)))
        .collect()
}

/// All that an app is made of, files and folders, except its manifest.
fn paths(app: &App, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let mut paths = named(app);
    let mounts = app.components.iter().flat_map(|component| &component.files);
    paths.extend(mounts.map(|mount| mount.host.clone()));
    for migration in &app.migrations {
        let folder = app.directory.join(&migration.folder);
        match migrations::read(&folder) {
            Ok(files) => paths.extend(files.iter().map(|file| folder.join(&file.name))),
            Err(error) => {
                let reason = format!("the migrations of `{}`: {error}", migration.label);
                let fault = Fault::new(&app.manifest, reason);
                faults.push(fault.at(migration.position.clone()));
            }
        }
    }
    paths
}

/// A path as the app's folder sees it.
struct Relative {
    /// How many folders it climbs first.
    above: usize,
    /// The names that follow.
    names: Vec<String>,
}

impl Relative {
    fn of(directory: &Path, path: &Path) -> Result<Self, Reason> {
        let shown = path.display();
        let outside = || absolute_path(path);
        let own = path.strip_prefix(directory).map_err(|_| outside())?;
        let mut relative = Self {
            above: 0,
            names: Vec::new(),
        };
        for part in own.components() {
            match part {
                Part::CurDir => {}
                Part::ParentDir if relative.names.is_empty() => relative.above += 1,
                Part::ParentDir => {
                    let what = format!("`{shown}` climbs out of a folder that it goes into");
                    return Err(Reason::new(what).help("write it without that detour"));
                }
                Part::Normal(name) => match name.to_str() {
                    Some(name) => relative.names.push(name.to_owned()),
                    None => return Err(format!("`{shown}` has a name that is not UTF-8").into()),
                },
                Part::RootDir | Part::Prefix(_) => return Err(outside()),
            }
        }
        Ok(relative)
    }

    /// The path in a bundle that begins with the folders `above` the app's.
    fn in_bundle(&self, above: &[String]) -> String {
        let kept = &above[..above.len() - self.above];
        [kept, &self.names].concat().join("/")
    }
}

/// The names of the folder of the app, and of those above it: so many in all, the outermost first.
fn names_above(directory: &Path, count: usize) -> Result<Vec<String>, Reason> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let found = directory.canonicalize();
    let found = found.map_err(|error| format!("the app's folder cannot be found: {error}"))?;
    let names = found.ancestors().take(count).map(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = name.ok_or("the manifest names a file above all folders")?;
        Ok(name.to_owned())
    });
    let mut names: Vec<String> = names.collect::<Result<_, Reason>>()?;
    names.reverse();
    Ok(names)
}

/// Whether a path stays in `root`, where there are no links.
fn is_inside(root: &Path, path: &Path) -> bool {
    let Ok(own) = path.strip_prefix(root) else {
        return false;
    };
    let mut depth = 0_usize;
    own.components().all(|part| match part {
        Part::CurDir => true,
        Part::Normal(_) => {
            depth += 1;
            true
        }
        Part::ParentDir => {
            let is_below = depth > 0;
            depth = depth.saturating_sub(1);
            is_below
        }
        Part::RootDir | Part::Prefix(_) => false,
    })
}
