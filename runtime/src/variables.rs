//! The values of application variables, and what of them each component may read.
//! Where a value comes from, strongest first: `--variable`, `[variables]` in `terrace.toml`,
//! `SPIN_VARIABLE_NAME` in the environment, the same in `.env` beside the manifest, the default.

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::grants::AllowedHosts;
use crate::manifest::{App, Component};

mod argument;
mod environment;
mod name;
mod template;
#[cfg(test)]
mod tests;

pub use environment::from_environment;
pub(crate) use name::check_name;
pub use name::is_name;
pub use template::Template;

/// What an installation says about variables.
#[derive(Default)]
pub struct VariableSources {
    /// The `--variable` arguments, as given: `name=value`, `name=@file`, `@file.toml` or `@file.json`.
    pub arguments: Vec<String>,
    /// `[variables]` of `terrace.toml`.
    pub settings: BTreeMap<String, String>,
    /// The variables of the environment, from [`from_environment`].
    pub environment: BTreeMap<String, String>,
}

/// The value of every application variable. What `Debug` prints has no values in it.
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Finds the value of every variable of an app.
    ///
    /// # Errors
    /// Every variable without a value, every argument that cannot be read, every unknown name.
    pub fn resolve(app: &App, sources: VariableSources) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let arguments = argument::read(&sources.arguments, &mut faults);
        check_known(app, "--variable", &arguments, &mut faults);
        check_known(
            app,
            "terrace.toml [variables]",
            &sources.settings,
            &mut faults,
        );
        let file = environment::read_file(&app.directory.join(".env"), &mut faults);
        let order = [arguments, sources.settings, sources.environment, file];
        let mut values = BTreeMap::new();
        for (name, variable) in &app.variables {
            let given = order.iter().find_map(|source| source.get(name));
            match given.or(variable.default.as_ref()) {
                Some(value) => drop(values.insert(name.clone(), value.clone())),
                None => faults.0.push(missing(app, name)),
            }
        }
        faults.or(Self { values })
    }

    /// What a component may read.
    pub fn for_component(&self, component: &Component) -> ComponentVariables {
        let rendered =
            |(name, template): (&String, &Template)| (name.clone(), self.render(template));
        ComponentVariables {
            values: component.variables.iter().map(rendered).collect(),
        }
    }

    /// The hosts that a component may reach.
    ///
    /// # Errors
    /// A grant that the values make one that cannot be given.
    pub fn allowed_hosts(&self, app: &App, component: &Component) -> Result<AllowedHosts, Faults> {
        let templates = component.allowed_outbound_hosts.iter();
        let hosts: Vec<_> = templates.map(|template| self.render(template)).collect();
        AllowedHosts::parse(&hosts).map_err(|mut reason| {
            let place = format!("`allowed_outbound_hosts` of `{}`", component.id);
            reason.message = format!("{place}, with its variables: {}", reason.message);
            Fault::new(&app.manifest, reason).into()
        })
    }

    fn render(&self, template: &Template) -> String {
        template.render(|name| self.values.get(name).map(String::as_str))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

/// The variables that one component may read. What `Debug` prints has no values in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ComponentVariables {
    values: BTreeMap<String, String>,
}

impl ComponentVariables {
    /// The value of a variable.
    ///
    /// # Errors
    /// The component has no such variable, or nothing can be called that.
    pub fn get(&self, name: &str) -> Result<&str, LookupError> {
        match self.values.get(name) {
            Some(value) => Ok(value),
            None if is_name(name) => Err(LookupError::Undefined(name.to_owned())),
            None => Err(LookupError::InvalidName(name.to_owned())),
        }
    }

    /// All names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for ComponentVariables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

/// Why a component is not given a variable. The guest is at fault; trying again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The component's `variables` has no such name.
    #[error("no variable `{0}` in the component's `variables`")]
    Undefined(String),
    /// No variable can have the name.
    #[error("`{0}` cannot be a variable's name")]
    InvalidName(String),
}

fn missing(app: &App, name: &str) -> Fault {
    let variable = environment::name_of(name);
    let help = format!(
        "give it one: `--variable {name}=…`, or {variable}=… in the environment or in .env"
    );
    let reason = Reason::new(format!("the required variable `{name}` has no value")).help(help);
    let fault = Fault::new(&app.manifest, reason);
    match app.variables.get(name) {
        Some(variable) => fault.at(variable.position.clone()),
        None => fault,
    }
}

fn check_known(app: &App, place: &str, given: &BTreeMap<String, String>, faults: &mut Faults) {
    let known: Vec<_> = app.variables.keys().map(String::as_str).collect();
    let unknown = given
        .keys()
        .filter(|name| !app.variables.contains_key(*name));
    faults.0.extend(unknown.map(|name| {
        let message = format!("the app has no variable `{name}`");
        Fault::new(
            place,
            Reason::new(message).help(did_you_mean(name, &known, "variables")),
        )
    }));
}
