//! `terrace bundle`: makes one file with all of an app, or shows what is in one. Its form is left to [`crate::bundle`].

mod precompile;

use std::path::Path;
use std::process::{Command, Stdio};

use super::arguments::BundleArguments;
use super::bundled::Bundled;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::bundle::{self, Contents, SigningKey};
use crate::fault::Fault;
use crate::manifest::App;
use crate::settings::STATE_DIRECTORY;

pub(crate) fn run(arguments: &BundleArguments, console: Console) -> Result<(), CommandError> {
    if let Some(file) = &arguments.list {
        let bundle = bundle::read(file, None, None).map_err(wrong_file)?;
        console.tell(&Event::BundleContents(&Bundled::new(file, &bundle)));
        return Ok(());
    }
    let key = arguments.sign.as_deref().map(SigningKey::read).transpose();
    let key = key.map_err(wrong_file)?;
    let app = App::load(&arguments.manifest.from)?;
    let output = &arguments.output;
    // The state of an installation is no part of the app, and neither is the bundle that was made before.
    let left_out = [
        app.directory.join(STATE_DIRECTORY).canonicalize(),
        output.canonicalize(),
    ];
    let contents = Contents::of(&app, |path| {
        let mut left_out = left_out.iter().flatten();
        let path = path.canonicalize();
        path.is_ok_and(|path| left_out.any(|out| path.starts_with(out)))
    })?;
    let compiled = precompile::all(&app, &arguments.precompile)?;
    let commit = commit(&app.directory);
    let bundle = bundle::write(&contents, &compiled, commit, key.as_ref(), output);
    let bundle = bundle.map_err(wrong_file)?;
    console.tell(&Event::BundleMade(&Bundled::new(output, &bundle)));
    tell_next(output, console);
    Ok(())
}

/// Names the commands for a bundle.
fn tell_next(output: &Path, console: Console) {
    let file = output.display();
    console.next(format_args!("`terrace up --from {file}` serves it"));
    console.next(format_args!(
        "`terrace check --from {file} --nodes 2` tells whether two servers can serve it together"
    ));
    console.next(format_args!(
        "`terrace deploy {file} --node ADDRESS` brings it to servers that run, by their admin addresses"
    ));
}

fn wrong_file(fault: Fault) -> CommandError {
    CommandError::Faults(fault.into())
}

/// The commit that the folder was checked out from, if it is under git and git is there. `-dirty` follows if files of the commit were
/// changed.
fn commit(folder: &Path) -> Option<String> {
    let described = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=40",
            "--exclude=*",
        ])
        .current_dir(folder)
        // It reads only.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(described.stdout).ok()?;
    let text = text.trim();
    let hash = text.strip_suffix("-dirty").unwrap_or(text);
    let is_hash = !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (described.status.success() && is_hash).then(|| text.to_owned())
}
