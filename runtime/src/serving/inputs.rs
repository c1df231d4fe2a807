//! Owns the user's inputs: reads manifest, settings and variables, and judges all of them before anything is built.
//! Opening databases and stores is left to `open`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::app_digest;
use super::migrations::Migrations;
use super::unpacked::{self, Unpacked};
use super::{EdgeOptions, ServingOptions, StartError, failed};
use crate::bundle;
use crate::deployment::Rendered;
use crate::environment;
use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::manifest::{App, Target};
use crate::settings::{Config, OriginEntry, SETTINGS_FILE, STATE_DIRECTORY, Settings};
use crate::variables::{VariableSources, Variables, from_environment};

/// The inputs of `terrace up`, judged.
pub(super) struct AppInputs {
    pub(super) app: App,
    pub(super) config: Config,
    pub(super) state_directory: PathBuf,
    pub(super) migrations: Vec<Migrations>,
    /// The file of the settings, whether or not it exists.
    pub(super) settings_file: PathBuf,
    /// The bundle that the app is in, if it is in one. Its files are there as long as this lives.
    pub(super) unpacked: Option<Unpacked>,
    variables: Variables,
}

impl AppInputs {
    /// Reads manifest and settings, and collects everything that is wrong in either of them.
    pub(super) fn read(options: &ServingOptions) -> Result<Self, Faults> {
        let folder = manifest_folder(&options.manifest);
        let state_directory = options.state_directory(&folder);
        let config = config(options.config.as_deref(), &folder, &state_directory);
        let Some(file) = unpacked::named(&options.manifest).into_iter().next() else {
            let app = App::load_for(&options.manifest, &options.only);
            let app = app.and_then(|app| trusted(app, config.as_ref().ok()));
            return Self::judge(options, app, config, state_directory);
        };
        let config = config?;
        let unpacked = Unpacked::of(&file.path, &config, &state_directory)?;
        let app = App::load_for(&unpacked.manifest(), &options.only).and_then(|app| {
            bundle::check_inside(
                &app,
                &std::path::absolute(unpacked.root()).unwrap_or_default(),
            )?;
            Ok(app)
        });
        match Self::judge(options, app, Ok(config), state_directory) {
            Ok(inputs) => Ok(Self {
                unpacked: Some(unpacked),
                ..inputs
            }),
            Err(faults) => Err(unpacked.renamed(faults)),
        }
    }

    /// The faults as the user knows the files.
    pub(super) fn renamed(&self, faults: Faults) -> Faults {
        match &self.unpacked {
            Some(unpacked) => unpacked.renamed(faults),
            None => faults,
        }
    }

    /// The same for what went wrong later.
    pub(super) fn renamed_error(&self, error: StartError) -> StartError {
        match error {
            StartError::Faults(faults) => self.renamed(faults).into(),
            StartError::Failed(_) => error,
        }
    }

    /// Another digest is another app: nodes whose digests differ share no responses.
    pub(super) fn digest(&self) -> Result<String, StartError> {
        match &self.unpacked {
            Some(unpacked) => Ok(app_digest::of_bundle(&unpacked.bundle)),
            None => app_digest::of(&self.app).map_err(failed),
        }
    }

    /// Judges what was read. Settings and state are in the folder that the user named.
    fn judge(
        options: &ServingOptions,
        app: Result<App, Faults>,
        config: Result<Config, Faults>,
        state_directory: PathBuf,
    ) -> Result<Self, Faults> {
        let folder = manifest_folder(&options.manifest);
        let app = app.and_then(|app| only(app, &options.only));
        let (mut app, config) = both(app, config)?;
        let sources = VariableSources {
            arguments: options.variables.clone(),
            settings: config.variables.clone(),
            environment: from_environment(environment::variables()),
        };
        let labels = config.check_labels(&app);
        let settings_file = settings_file(options.config.as_deref(), &folder);
        let listener = options.listen.unwrap_or(config.listen.http);
        let cluster = config.cluster.as_ref();
        let address = cluster.map(|cluster| cluster.address(listener, &settings_file));
        let address = address.transpose().map_err(Faults::from);
        let rates = rates_of(&config, &app, options.only.is_empty(), &settings_file);
        app.directory = manifest_folder(&app.manifest);
        let variables = Variables::resolve(&app.variables, &app.manifest, sources);
        let (_, variables) = both(both(both(labels, address), rates), variables)?;
        let migrations = Migrations::read(&app)?;
        Ok(Self {
            app,
            config,
            state_directory,
            migrations,
            settings_file,
            unpacked: None,
            variables,
        })
    }

    /// The variables and the allowed hosts of each component, by its id.
    pub(super) fn rendered(&self) -> Result<BTreeMap<String, Rendered>, Faults> {
        let mut faults = Faults::default();
        let mut all = BTreeMap::new();
        for component in &self.app.components {
            let hosts = &component.allowed_outbound_hosts;
            match self.variables.allowed_hosts(&component.id, hosts) {
                Ok(allowed_hosts) => {
                    let variables = self.variables.for_component(&component.variables);
                    all.insert(
                        component.id.clone(),
                        Rendered {
                            variables,
                            allowed_hosts,
                        },
                    );
                }
                Err(reason) => faults.0.push(Fault::new(&self.app.manifest, reason)),
            }
        }
        faults.or(all)
    }
}

/// The inputs of `terrace edge`, judged.
pub(super) struct EdgeInputs {
    pub(super) config: Config,
    pub(super) state_directory: PathBuf,
    pub(super) origins: Vec<OriginEntry>,
}

impl EdgeInputs {
    /// Reads the settings, and the origins from them or from the command line.
    pub(super) fn read(options: &EdgeOptions) -> Result<Self, Faults> {
        let state_directory = options.state_dir.as_deref();
        let state_directory = state_directory.unwrap_or(Path::new(STATE_DIRECTORY));
        let config = config(options.config.as_deref(), Path::new(""), state_directory)?;
        let origins = origins(options, &config)?;
        if origins.contains(&OriginEntry::Cluster) && config.cluster.is_none() {
            let what = "the origin `cluster` stands for the nodes in a registry, and there is no [cluster] that names one";
            let reason =
                Reason::new(what).help("add `[cluster]` with `url = \"redis://HOST/NUMBER\"`");
            let file = settings_file(options.config.as_deref(), Path::new(""));
            return Err(Fault::new(file, reason).into());
        }
        Ok(Self {
            config,
            state_directory: state_directory.to_owned(),
            origins,
        })
    }
}

/// The settings of a file, or of the one in `folder` if there is one.
pub(super) fn config(
    file: Option<&Path>,
    folder: &Path,
    state_directory: &Path,
) -> Result<Config, Faults> {
    let settings = match file {
        Some(file) => Settings::read(file),
        None => Settings::read_if_present(&settings_file(file, folder)),
    };
    settings?.judge(state_directory)
}

/// The file that is named, or the one in `folder`.
fn settings_file(named: Option<&Path>, folder: &Path) -> PathBuf {
    named.map_or_else(|| folder.join(SETTINGS_FILE), Path::to_owned)
}

/// The origins, from the command line or from the settings.
fn origins(options: &EdgeOptions, config: &Config) -> Result<Vec<OriginEntry>, Faults> {
    let mut origins = Vec::new();
    let added = options.origins.iter();
    let added = added.map(|text| OriginEntry::add(text, &mut origins));
    let faults = added.filter_map(|added| Some(Fault::new("--origin", added.err()?)));
    let faults = Faults(faults.collect());
    if !options.origins.is_empty() {
        return faults.or(origins);
    }
    if config.edge.origins.is_empty() {
        let help =
            "name it with `--origin URL`, or with `origins = [\"URL\"]` in [edge] of terrace.toml";
        let reason = Reason::new("the edge has no origin").help(help);
        return Err(Fault::new("--origin", reason).into());
    }
    Ok(config.edge.origins.clone())
}

/// The folder of the manifest, to which the files of an installation are relative.
pub(super) fn manifest_folder(manifest: &Path) -> PathBuf {
    if manifest.is_dir() {
        manifest.into()
    } else {
        manifest.parent().unwrap_or(Path::new("")).into()
    }
}

/// The app of a manifest, if the settings take one that nobody signed.
fn trusted(app: App, config: Option<&Config>) -> Result<App, Faults> {
    if config.is_none_or(|config| config.deploy.trusted_keys.is_none()) {
        return Ok(app);
    }
    let what = "is not in a signed bundle, and `trusted_keys` of [deploy] asks for one";
    let help = "make one with `terrace bundle --sign KEY`, or name other settings with `--config`";
    Err(Fault::new(&app.manifest, Reason::new(what).help(help)).into())
}

/// Both results, or the faults of both.
fn both<A, B>(first: Result<A, Faults>, second: Result<B, Faults>) -> Result<(A, B), Faults> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut first), Err(second)) => {
            first.0.extend(second.0);
            Err(first)
        }
        (Err(faults), _) | (_, Err(faults)) => Err(faults),
    }
}

/// Checks that the components with a rate limit exist, if the app has `all` of them.
fn rates_of(config: &Config, app: &App, all: bool, file: &Path) -> Result<(), Faults> {
    let known = app.components.iter().map(|component| &*component.id);
    let known: Vec<&str> = known.collect();
    let limited = config.rates.components.iter().filter(|_| all);
    let unknown = limited.filter(|(id, ..)| !known.contains(&id.as_str()));
    let faults = unknown.map(|(id, _, position)| {
        let reason = Reason::new(format!("unknown component `{id}`"));
        let reason = reason.help(did_you_mean(id, &known, "components"));
        Fault::new(file, reason).at(position.clone())
    });
    Faults(faults.collect()).or(())
}

/// The app with only the components that are named.
fn only(mut app: App, ids: &[String]) -> Result<App, Faults> {
    if ids.is_empty() {
        return Ok(app);
    }
    let known: Vec<&str> = app
        .components
        .iter()
        .map(|component| component.id.as_str())
        .collect();
    let unknown = ids.iter().filter(|id| !known.contains(&id.as_str()));
    let faults = unknown.map(|id| {
        let reason = Reason::new(format!(
            "--only names the component `{id}`, which the app does not have"
        ));
        Fault::new(
            &app.manifest,
            reason.help(did_you_mean(id, &known, "components")),
        )
    });
    let faults = Faults(faults.collect());
    let kept: Vec<usize> = (0..known.len())
        .filter(|&index| ids.iter().any(|id| id == known[index]))
        .collect();
    app.triggers
        .retain_mut(|trigger| match &mut trigger.target {
            Target::Static(_) => true,
            Target::Component(index) => match kept.binary_search(index) {
                Ok(position) => {
                    *index = position;
                    true
                }
                Err(_) => false,
            },
        });
    app.components
        .retain(|component| ids.contains(&component.id));
    app.labels.retain(|used| ids.contains(&used.component));
    faults.or(app)
}

#[cfg(test)]
mod tests;
