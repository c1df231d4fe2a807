//! The database that `--to` names, and the settings for it.

use std::path::PathBuf;

use storage::PostgresOptions;
use storage::sql::transfer::Place;

use super::super::super::error::CommandError;
use crate::environment;
use crate::fault::Reason;
use crate::serving::SwitchRequest;

/// The name of the environment variable that the settings propose if the URL has a password.
const PROPOSED_VARIABLE: &str = "DATABASE_PASSWORD";

/// A target.
pub(super) struct Target {
    pub(super) place: Place,
    /// As the settings name it, without a password.
    url: String,
    /// The environment variable with the password.
    variable: Option<String>,
}

impl Target {
    /// Reads a URL, and the password from the environment.
    ///
    /// # Errors
    /// If it is no URL of a database, or the variable is not set.
    pub(super) fn read(url: &str, variable: Option<&str>) -> Result<Self, CommandError> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                let path = std::path::absolute(path)
                    .map_err(|error| CommandError::argument("--to", error.to_string()))?;
                Ok(Self::file(path))
            }
            Some(("postgres" | "postgresql", _)) => Self::on_server(url, variable),
            _ => {
                let reason = Reason::new("this is no URL of a database");
                let help = "write `postgres://USER@HOST/DATABASE`, or `sqlite:PATH`";
                Err(CommandError::argument("--to", reason.help(help)))
            }
        }
    }

    fn file(path: PathBuf) -> Self {
        Self {
            url: format!("sqlite:{}", path.display()),
            place: Place::Sqlite(path),
            variable: None,
        }
    }

    fn on_server(url: &str, variable: Option<&str>) -> Result<Self, CommandError> {
        let password = variable.map(|name| {
            environment::variable(name).ok_or_else(|| {
                let reason = format!("the environment variable `{name}` is not set, or not UTF-8");
                CommandError::argument("--password-variable", reason)
            })
        });
        let password = password.transpose()?;
        let (shown, has_password) = without_password(url);
        let variable = variable.or(has_password.then_some(PROPOSED_VARIABLE));
        Ok(Self {
            url: shown,
            variable: variable.map(str::to_owned),
            place: Place::Postgres {
                url: url.to_owned(),
                options: PostgresOptions {
                    password,
                    ..PostgresOptions::default()
                },
            },
        })
    }

    /// What a running server is asked.
    pub(super) fn request(&self, label: &str, from: String) -> SwitchRequest {
        let (to, password) = match &self.place {
            Place::Sqlite(_) => (self.url.clone(), None),
            Place::Postgres { url, options } => (url.clone(), options.password.clone()),
        };
        SwitchRequest {
            label: label.to_owned(),
            from,
            to,
            password,
        }
    }

    /// What has to be in `terrace.toml`.
    pub(super) fn settings(&self, label: &str) -> String {
        // A string of JSON is one of TOML.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut lines = format!("[sql.{label}]\nurl = {}", quoted(&self.url));
        if let Some(variable) = &self.variable {
            lines.push_str(&format!("\npassword_variable = {}", quoted(variable)));
        }
        lines
    }
}

/// A URL without its password, and whether it had one.
fn without_password(url: &str) -> (String, bool) {
    let without = || {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (user, place) = rest[..end].rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}@{place}{}", &rest[end..]))
    };
    match without() {
        Some(url) => (url, true),
        None => (url.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_no_password() {
        for (url, expected) in [
            (
                "postgres://app:hush@db:5433/app?sslmode=require",
                "[sql.default]\nurl = \"postgres://app@db:5433/app?sslmode=require\"\npassword_variable = \"DATABASE_PASSWORD\"",
            ),
            (
                "postgres://app@db/app",
                "[sql.default]\nurl = \"postgres://app@db/app\"",
            ),
            (
                "sqlite:/var/app.db",
                "[sql.default]\nurl = \"sqlite:/var/app.db\"",
            ),
        ] {
            let Ok(target) = Target::read(url, None) else {
                panic!("{url}");
            };
            assert_eq!(target.settings("default"), expected);
        }
        assert!(Target::read("mysql://app@db/app", None).is_err());
        assert!(Target::read("sqlite:", None).is_err());
    }
}
