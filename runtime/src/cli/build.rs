//! `terrace build`: runs the build commands of components, and shows progress and the compiler's output.
//! `order` decides which component comes first, `inputs` which files it is built from.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::BuildArguments;
use super::console::Console;
use super::error::{BuildFailure, CommandError};
use super::event::Event;
use super::selection;
use crate::clock;
use crate::fault::Reason;
use crate::manifest::{App, Build, Component};

mod built_source;
mod inputs;
mod order;
mod shell;
mod toolchain;

pub(crate) use inputs::{Inputs, watch_unknown};
pub(crate) use order::Order;
use shell::Output;

/// How often a spinner moves: often enough to look alive.
const SPINNER_TICK: Duration = Duration::from_millis(100);

/// Builds the named components and their dependencies, or all components.
pub(crate) fn run(arguments: &BuildArguments, console: Console) -> Result<(), CommandError> {
    let app = App::load_unbuilt(&arguments.manifest.from)?;
    let components = selection::components(&app, "COMPONENT", &arguments.components)?;
    if !components.iter().any(|component| component.build.is_some()) {
        console.tell(&Event::NothingToBuild);
        return Ok(());
    }
    let mut builder = Builder::new(console);
    if arguments.verbose {
        builder = builder.verbose();
    }
    builder.build_all(&components)?;
    let from = arguments.manifest.flag();
    console.next(format_args!(
        "`terrace up{from}` serves it, `terrace bundle{from}` makes one file of it for servers"
    ));
    Ok(())
}

/// Runs build commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Builder {
    console: Console,
    output: Output,
    spinner: bool,
}

impl Builder {
    /// A builder that shows a spinner on a terminal, and the output of the commands elsewhere.
    pub(crate) fn new(console: Console) -> Self {
        let captured = console.interactive() || console.json();
        Self {
            console,
            output: match captured {
                true => Output::Captured,
                false => Output::Streamed,
            },
            spinner: console.interactive(),
        }
    }

    /// The same, showing all output of the commands.
    fn verbose(mut self) -> Self {
        self.output = Output::Streamed;
        self.spinner = false;
        self
    }

    /// The same without a spinner, for a terminal that shows other lines at the same time.
    pub(crate) fn without_spinner(mut self) -> Self {
        self.spinner = false;
        self
    }

    /// Builds those components that have a build command, in the order of their dependencies.
    ///
    /// # Errors
    /// The first build that fails.
    pub(crate) fn build_all(&self, components: &[&Component]) -> Result<(), BuildFailure> {
        let order = Order::of(components);
        let mut ordered = order.components();
        ordered.try_for_each(|component| self.build(component))
    }

    /// Builds a component, if it has a build command.
    ///
    /// # Errors
    /// A command failed, or there is no WebAssembly afterwards.
    pub(crate) fn build(&self, component: &Component) -> Result<(), BuildFailure> {
        let Some(build) = &component.build else {
            return Ok(());
        };
        let failure = |(reason, output)| BuildFailure {
            component: component.id.clone(),
            reason,
            output,
        };
        let toolchain = self.toolchain(component, build);
        let toolchain = toolchain.map_err(|reason| failure((reason, String::new())))?;
        let started = clock::now();
        let spinner = self.begin(&component.id);
        let result = self.run(component, build, toolchain);
        spinner.finish_and_clear();
        result.map_err(failure)?;
        self.console.tell(&Event::Built {
            component: &component.id,
            milliseconds: clock::now().duration_since(started).as_millis(),
        });
        Ok(())
    }

    fn begin(&self, id: &str) -> ProgressBar {
        if !self.spinner {
            self.console.tell(&Event::Building { component: id });
            return ProgressBar::hidden();
        }
        let template = "{spinner} {msg} {elapsed}";
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let spinner = ProgressBar::new_spinner()
            .with_style(style)
            .with_message(format!("building {id} …"));
        spinner.enable_steady_tick(SPINNER_TICK);
        spinner
    }

    /// Runs the commands; an error comes with their output.
    fn run(
        &self,
        component: &Component,
        build: &Build,
        toolchain: Option<&str>,
    ) -> Result<(), (Reason, String)> {
        let mut output = String::new();
        for command in &build.command {
            let result = self.run_command(build, command, toolchain, &mut output);
            result.map_err(|reason| (reason, std::mem::take(&mut output)))?;
        }
        built_source::check(&component.source).map_err(|reason| (reason, output))
    }

    fn run_command(
        &self,
        build: &Build,
        command: &str,
        toolchain: Option<&str>,
        output: &mut String,
    ) -> Result<(), Reason> {
        let mut shell = shell::command(build, command)?;
        if let Some(toolchain) = toolchain {
            shell.env(toolchain::VARIABLE, toolchain);
        }
        if self.output == Output::Captured && self.console.coloured() {
            // Cargo sees a pipe, but its output will be shown on a terminal.
            shell.env("CARGO_TERM_COLOR", "always");
        }
        shell::run(shell, command, self.output, output)
    }

    /// The toolchain to use instead of the active one, if need be. A choice of the manifest is left alone.
    fn toolchain(
        &self,
        component: &Component,
        build: &Build,
    ) -> Result<Option<&'static str>, Reason> {
        let mut variables = build.environment.iter().map(|(name, _)| name);
        if variables.any(|name| name == toolchain::VARIABLE) {
            return Ok(None);
        }
        let target = |command: &String| toolchain::guest_target(command, &component.source);
        let Some(target) = build.command.iter().find_map(target) else {
            return Ok(None);
        };
        let toolchain = toolchain::choose(&target, |toolchain| {
            toolchain::has_target(toolchain, &target, &build.workdir)
        });
        let toolchain =
            toolchain.map_err(|lack| toolchain::absent(toolchain::COMPILER).unwrap_or(lack))?;
        if let Some(toolchain) = toolchain {
            self.console.tell(&Event::OtherToolchain {
                component: &component.id,
                toolchain,
                target: &target,
            });
        }
        Ok(toolchain)
    }
}

#[cfg(test)]
mod tests;
