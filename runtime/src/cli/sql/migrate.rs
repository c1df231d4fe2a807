//! `terrace sql migrate`: applies the migrations of an app without serving it, or shows them.

use storage::dialect::Schema;
use storage::sql::Database;
use storage::sql::migrations::Migration;

use super::super::answer::{Migrated, Pending};
use super::super::arguments::MigrateArguments;
use super::super::console::Console;
use super::super::error::CommandError;
use super::super::event::Event;
use super::super::limits::SQL_STATEMENT_TIMEOUT;
use super::{failed, with_database};
use crate::clock;
use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::manifest::App;
use crate::serving::{Databases, Migrations};

pub(super) fn run(arguments: &MigrateArguments, console: Console) -> Result<(), CommandError> {
    let options = arguments.database.options();
    let databases = Databases::read(&options)?;
    let (app, all) = databases.migrations(&options.manifest)?;
    let all = chosen(arguments, &app, all)?;
    let mut count = 0;
    for migrations in &all {
        count += match arguments.dry_run {
            true => show(&databases, migrations, console)?,
            false => apply(&databases, migrations, console)?,
        };
    }
    if count == 0 {
        console.tell(&Event::NothingToMigrate);
    }
    Ok(())
}

/// The migrations of the label that is named, or all.
fn chosen(
    arguments: &MigrateArguments,
    app: &App,
    mut all: Vec<Migrations>,
) -> Result<Vec<Migrations>, Faults> {
    if all.is_empty() {
        let reason = Reason::new("the manifest names no migrations");
        let help = "add `[application.tool.terrace.migrations]` with `default = \"FOLDER\"`";
        return Err(Fault::new(&app.manifest, reason.help(help)).into());
    }
    let Some(label) = &arguments.label else {
        return Ok(all);
    };
    let known: Vec<_> = all.iter().map(|each| each.label.clone()).collect();
    all.retain(|each| each.label == *label);
    if all.is_empty() {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let reason = Reason::new(format!("the manifest names no migrations for `{label}`"));
        let reason = reason.help(did_you_mean(label, &known, "labels with migrations"));
        return Err(Fault::new("--label", reason).into());
    }
    Ok(all)
}

fn apply(
    databases: &Databases,
    migrations: &Migrations,
    console: Console,
) -> Result<usize, CommandError> {
    let database = databases.open_or_create(&migrations.label)?;
    with_database(&database, async |database| {
        let applied = migrations.apply(database).await?;
        for each in &applied {
            console.tell(&Event::Migrated(&Migrated {
                label: &migrations.label,
                migration: &each.name,
                by_function: each.by_function,
            }));
        }
        Ok(applied.len())
    })
}

fn show(
    databases: &Databases,
    migrations: &Migrations,
    console: Console,
) -> Result<usize, CommandError> {
    let label = &migrations.label;
    let tell = |file: &Migration, sql: &str, by_function| {
        console.tell(&Event::Pending(&Pending {
            label,
            migration: &file.name,
            sql,
            by_function,
        }));
    };
    let Some(database) = databases.open_if_present(label)? else {
        for file in &migrations.files {
            tell(file, file.text.trim(), false);
        }
        return Ok(migrations.files.len());
    };
    with_database(&database, async |database| {
        let pending = migrations.pending(database).await?;
        let mut schema = match databases.is_on_postgres(label) {
            true => Some(schema(database).await?),
            false => None,
        };
        for each in &pending {
            let file = each.migration;
            let text = match &mut schema {
                _ if each.by_function => String::new(),
                Some(schema) => statements(&migrations.for_postgres(file, schema)?),
                None => file.text.trim().to_owned(),
            };
            tell(file, &text, each.by_function);
        }
        Ok(pending.len())
    })
}

/// The schema before the migrations.
async fn schema(database: &Database) -> Result<Schema, CommandError> {
    let deadline = clock::now() + SQL_STATEMENT_TIMEOUT;
    let schema = database.session().schema(deadline).await;
    schema.map_err(failed)
}

fn statements(texts: &[String]) -> String {
    let texts = texts.iter().map(|text| format!("{text};"));
    texts.collect::<Vec<_>>().join("\n")
}
