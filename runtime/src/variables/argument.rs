//! Parses the `--variable` arguments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::document::{Document, Value};
use crate::fault::{Fault, Faults, Reason, Source};

/// The name of the argument in faults.
const ARGUMENT: &str = "--variable";

type Values = BTreeMap<String, String>;

/// The values of all arguments; a later one replaces an earlier one of the same name.
pub(super) fn read(arguments: &[String], faults: &mut Faults) -> Values {
    let mut values = Values::new();
    for argument in arguments {
        match read_one(argument) {
            Ok(given) => values.extend(given),
            Err(found) => faults.0.extend(found.0),
        }
    }
    values
}

fn read_one(argument: &str) -> Result<Values, Faults> {
    if let Some(file) = argument.strip_prefix('@') {
        return read_values(Path::new(file));
    }
    // The value may be a secret, so the message does not repeat the argument.
    let Some((name, value)) = argument.split_once('=') else {
        let help = "write `name=value`, `name=@file`, `@file.toml` or `@file.json`";
        return Err(Fault::new(ARGUMENT, Reason::new("an argument has no `=`").help(help)).into());
    };
    let value = match value.strip_prefix('@') {
        Some(file) => Source::read(Path::new(file))?.text,
        None => value.to_owned(),
    };
    Ok(Values::from([(name.to_owned(), value)]))
}

/// A file of names and values.
fn read_values(file: &Path) -> Result<Values, Faults> {
    let kind = file.extension().and_then(|extension| extension.to_str());
    match kind {
        Some("toml") => read_toml(Source::read(file)?).map_err(without_excerpts),
        Some("json") => read_json(file),
        _ => {
            let help = "name a file that ends in `.toml` or `.json`";
            let reason = Reason::new("it is not known what kind of file this is").help(help);
            Err(Fault::new(file, reason).into())
        }
    }
}

fn read_toml(source: Source) -> Result<Values, Faults> {
    let document = Document::new(source);
    let parsed = document.parse()?;
    let entries = document.root(&parsed).string_entries();
    let owned = |(entry, text): (Value<'_>, &str)| (entry.key().to_owned(), text.to_owned());
    let values = entries.into_iter().map(owned).collect();
    document.take_faults().or(values)
}

/// Removes the lines, whose values may be secrets.
fn without_excerpts(faults: Faults) -> Faults {
    Faults(faults.0.into_iter().map(Fault::without_excerpt).collect())
}

fn read_json(file: &Path) -> Result<Values, Faults> {
    let text =
        fs::read(file).map_err(|error| Fault::new(file, format!("cannot be read: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| {
        // The error itself could repeat a value, which may be a secret.
        let message = format!("not a table of strings, at line {}", error.line());
        let help = "write `{ \"name\": \"value\" }`";
        Fault::new(file, Reason::new(message).help(help)).into()
    })
}
