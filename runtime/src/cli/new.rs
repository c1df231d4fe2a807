//! `terrace new`: makes a project that builds, runs and tests at once. `template` has its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::arguments::{NewArguments, Target};
use super::console;
use super::error::CommandError;
use crate::fault::Reason;
use crate::manifest::{App, MANIFEST_FILE};

mod name;
mod template;

use template::ProjectFile;

/// Makes a project, or adds a target to an existing one.
pub(crate) fn run(arguments: &NewArguments) -> Result<(), CommandError> {
    name::check(&arguments.name).map_err(|reason| CommandError::argument("NAME", reason))?;
    let folder = folder(arguments);
    let added = arguments
        .target
        .filter(|_| folder.join(MANIFEST_FILE).exists());
    match added {
        Some(target) => add(arguments, folder, target)?,
        None => make(arguments, folder)?,
    }
    let made = if added.is_some() { "added to" } else { "made" };
    let name = &arguments.name;
    let steps = next_steps(name, folder, arguments.target);
    console::print(format!("{made} {name} in {}\n\n{steps}", folder.display()));
    Ok(())
}

/// The folder of the project. A target for the project in the working directory goes there, and not into a new folder.
fn folder(arguments: &NewArguments) -> &Path {
    let here = Path::new(".");
    let named = arguments.folder();
    let is_here = || App::load_unbuilt(here).is_ok_and(|app| app.name == arguments.name);
    if arguments.target.is_some() && arguments.dir.is_none() && !named.exists() && is_here() {
        return here;
    }
    named
}

fn make(arguments: &NewArguments, folder: &Path) -> Result<(), CommandError> {
    let argument = arguments.dir.as_ref().map_or("NAME", |_| "--dir");
    check_free(folder).map_err(|reason| CommandError::argument(argument, reason))?;
    let mut files = arguments.template.files(&arguments.name);
    if let Some(target) = arguments.target {
        files.extend(target.files(&arguments.name));
    }
    write_all(folder, &files)
}

fn add(arguments: &NewArguments, folder: &Path, target: Target) -> Result<(), CommandError> {
    let files = target.files(&arguments.name);
    check_absent(folder, &files).map_err(|reason| CommandError::argument("--target", reason))?;
    write_all(folder, &files)
}

fn write_all(folder: &Path, files: &[ProjectFile]) -> Result<(), CommandError> {
    write(folder, files).map_err(|(file, error)| {
        let message = format!("`{}` cannot be written: {error}", file.display());
        CommandError::Failed(message.into())
    })
}

/// The next steps, as the command prints them.
fn next_steps(name: &str, folder: &Path, target: Option<Target>) -> String {
    let mut steps = Vec::new();
    if folder != Path::new(".") {
        steps.push(format!("  cd {}", folder.display()));
    }
    steps.push("  cargo test       tests the handler natively, without WebAssembly".to_owned());
    steps.push("  terrace dev      builds and serves it, and swaps in what you change".to_owned());
    steps.push("  terrace build    builds it once, and names the way to servers".to_owned());
    match target {
        Some(Target::Worker) => steps.extend([
            "  npm install      installs wrangler, Cloudflare's own tool".to_owned(),
            "  npx wrangler dev serves it on Cloudflare's runtime; the first build takes some minutes"
                .to_owned(),
        ]),
        None => steps.push(format!(
            "\n  terrace new {name} --target worker    adds what Cloudflare's runtime needs"
        )),
    }
    steps.join("\n")
}

/// Checks that the folder is absent or empty, so that nothing is overwritten.
fn check_free(folder: &Path) -> Result<(), Reason> {
    let entries = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            return Err(format!("`{}` cannot be used: {error}", folder.display()).into());
        }
    };
    if entries {
        return Ok(());
    }
    let message = format!("the folder `{}` is not empty", folder.display());
    Err(Reason::new(message).help("choose another name, or another folder with `--dir`"))
}

/// Checks that none of the files exists, so that nothing is overwritten.
fn check_absent(folder: &Path, files: &[ProjectFile]) -> Result<(), Reason> {
    let Some(there) = files.iter().find(|file| folder.join(&file.path).exists()) else {
        return Ok(());
    };
    let message = format!("`{}` exists already", folder.join(&there.path).display());
    Err(Reason::new(message)
        .help("the project has this target already; rename the file to get a new one"))
}

fn write(folder: &Path, files: &[ProjectFile]) -> Result<(), (PathBuf, io::Error)> {
    for ProjectFile { path, text } in files {
        let file = folder.join(path);
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(folder))?;
            fs::write(&file, text)
        };
        write().map_err(|error| (file.clone(), error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
