//! `terrace new`: a project that builds, runs and tests at once. What is in it is in `template`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::arguments::NewArguments;
use super::console;
use super::error::CommandError;
use crate::fault::Reason;

mod name;
mod sdk;
mod template;

pub(crate) use template::Template;
use template::Values;

/// Makes a project.
pub(crate) fn run(arguments: &NewArguments) -> Result<(), CommandError> {
    name::check(&arguments.name).map_err(|reason| CommandError::argument("NAME", reason))?;
    let folder = arguments.folder();
    let argument = arguments.dir.as_ref().map_or("NAME", |_| "--dir");
    check_free(folder).map_err(|reason| CommandError::argument(argument, reason))?;
    let sdk = sdk::locate(arguments.sdk.as_deref(), &sdk::of_this_checkout())
        .map_err(|reason| CommandError::argument("--sdk", reason))?;
    let values = Values {
        name: &arguments.name,
        sdk: &sdk,
    };
    write(folder, arguments.template, &values).map_err(|(file, error)| {
        let message = format!("`{}` cannot be written: {error}", file.display());
        CommandError::Failed(message.into())
    })?;
    console::print(next_steps(&arguments.name, folder));
    Ok(())
}

/// What a user does with a new project.
fn next_steps(name: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "made {name} in {folder}\n\n\
        \x20 cd {folder}\n\
        \x20 cargo test       tests the handler natively, without WebAssembly\n\
        \x20 terrace dev      builds and serves it, and swaps in what you change"
    )
}

/// A project goes where nothing is yet, so that nothing is overwritten.
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

fn write(
    folder: &Path,
    template: Template,
    values: &Values<'_>,
) -> Result<(), (PathBuf, io::Error)> {
    for (file, text) in template.files() {
        let file = folder.join(file);
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(folder))?;
            fs::write(&file, values.render(text))
        };
        write().map_err(|error| (file.clone(), error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
