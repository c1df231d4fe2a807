//! Finds the values of application variables, and renders the templates of components with them.
//!
//! Sources, strongest first: `--variable`, `[variables]` in `terrace.toml`, `SPIN_VARIABLE_NAME` in the environment, the
//! same in `.env` beside the manifest, the default. The manifest declares the variables and templates.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::fault::{Fault, Faults, Position, Reason, did_you_mean};
use crate::grants::AllowedHosts;

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

/// An application variable. What `Debug` prints has no value in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// The value if no source has one. Without a default, a source must have one.
    pub default: Option<String>,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// Where the manifest declares it.
    pub position: Position,
}

impl fmt::Debug for Variable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Variable")
            .field("has_default", &self.default.is_some())
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// The variables that an app declares, by name.
type Declared = BTreeMap<String, Variable>;

/// The values that an installation gives to variables.
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
    /// Finds the value of every variable that `manifest` declares.
    ///
    /// # Errors
    /// Every variable without a value, every argument that cannot be read, every unknown name.
    pub fn resolve(
        declared: &Declared,
        manifest: &Path,
        sources: VariableSources,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let arguments = argument::read(&sources.arguments, &mut faults);
        check_known(declared, "--variable", &arguments, &mut faults);
        check_known(
            declared,
            "terrace.toml [variables]",
            &sources.settings,
            &mut faults,
        );
        let file = environment::read_file(&manifest.with_file_name(".env"), &mut faults);
        let order = [arguments, sources.settings, sources.environment, file];
        let mut values = BTreeMap::new();
        for (name, variable) in declared {
            let given = order.iter().find_map(|source| source.get(name));
            match given.or(variable.default.as_ref()) {
                Some(value) => drop(values.insert(name.clone(), value.clone())),
                None => faults.0.push(missing(manifest, name, variable)),
            }
        }
        faults.or(Self { values })
    }

    /// The variables that a component can read, rendered from the templates of its `variables`.
    pub fn for_component(&self, templates: &BTreeMap<String, Template>) -> ComponentVariables {
        let templates = templates.iter();
        let values = templates.map(|(name, template)| (name.clone(), self.render(template)));
        ComponentVariables {
            values: values.collect(),
        }
    }

    /// The hosts that `component` may reach, rendered from the templates of its `allowed_outbound_hosts`.
    ///
    /// # Errors
    /// A grant that is not valid with these values.
    pub fn allowed_hosts(
        &self,
        component: &str,
        templates: &[Template],
    ) -> Result<AllowedHosts, Reason> {
        let templates = templates.iter();
        let hosts: Vec<_> = templates.map(|template| self.render(template)).collect();
        AllowedHosts::parse(&hosts).map_err(|mut reason| {
            let place = format!("`allowed_outbound_hosts` of `{component}`");
            reason.message = format!("{place}, with its variables: {}", reason.message);
            reason
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
    /// The component has no such variable, or the name is not valid.
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

/// Why a component does not get a variable. The guest is to blame; a retry does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The component's `variables` has no such name.
    #[error("no variable `{0}` in the component's `variables`")]
    Undefined(String),
    /// The name is not valid.
    #[error("`{0}` cannot be a variable's name")]
    InvalidName(String),
}

fn missing(manifest: &Path, name: &str, variable: &Variable) -> Fault {
    let environment = environment::name_of(name);
    let help = format!(
        "give it one: `--variable {name}=…`, or {environment}=… in the environment or in .env"
    );
    let reason = Reason::new(format!("the required variable `{name}` has no value")).help(help);
    Fault::new(manifest, reason).at(variable.position.clone())
}

fn check_known(
    declared: &Declared,
    place: &str,
    given: &BTreeMap<String, String>,
    faults: &mut Faults,
) {
    let known: Vec<_> = declared.keys().map(String::as_str).collect();
    let unknown = given.keys().filter(|name| !declared.contains_key(*name));
    faults.0.extend(unknown.map(|name| {
        let message = format!("the app has no variable `{name}`");
        Fault::new(
            place,
            Reason::new(message).help(did_you_mean(name, &known, "variables")),
        )
    }));
}
