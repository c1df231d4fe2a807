//! The database and its migrations.
//!
//! Migrations are numbered files of plain statements, each ended by `;` at the end of a line, so that D1's
//! tools can apply the same files. They only go forward.

use terrace_sdk::Error;
use terrace_sdk::sql::{self, Connection};
use terrace_sdk::values;

/// The label in `spin.toml`.
pub const LABEL: &str = "default";

/// All migrations in order; the first is version 1.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_conduit.sql")];

const VERSION: &str = "SELECT max(version) FROM schema_version";

/// Applies the migrations that the database lacks; only reads if there are none.
///
/// Instances that start together wait for each other: the version is read again once the writer's lock is
/// held.
///
/// # Errors
///
/// If a migration fails, with none of the missing ones applied.
pub async fn migrate(connection: &Connection) -> Result<(), Error> {
    // A database that was never migrated has no such table, which cannot be told from other failures; those
    // show again below.
    if version(connection)
        .await
        .is_ok_and(|version| version == MIGRATIONS.len())
    {
        return Ok(());
    }
    connection.execute("BEGIN IMMEDIATE", []).await?;
    if let Err(error) = apply_missing(connection).await {
        connection.execute("ROLLBACK", []).await?;
        return Err(error);
    }
    connection.execute("COMMIT", []).await?;
    Ok(())
}

async fn apply_missing(connection: &Connection) -> Result<(), Error> {
    connection
        .execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)",
            [],
        )
        .await?;
    let applied = version(connection).await?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(applied) {
        for statement in statements(migration) {
            connection.execute(&statement, []).await?;
        }
        connection
            .execute(
                "INSERT INTO schema_version (version) VALUES (?1)",
                values![number],
            )
            .await?;
    }
    Ok(())
}

/// The last migration applied, 0 for none.
async fn version(connection: &Connection) -> Result<usize, sql::Error> {
    let rows = connection.execute(VERSION, []).await?;
    let version = rows.one()?.get::<Option<u64>>(0)?;
    Ok(version
        .and_then(|version| version.try_into().ok())
        .unwrap_or(0))
}

fn statements(migration: &str) -> Vec<String> {
    let code: Vec<&str> = migration
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    code.join("\n")
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use terrace_sdk::testing::Host;

    #[test]
    fn a_migrated_database_is_only_read() {
        let host = Host::new();
        host.run(async {
            let connection = Connection::open(LABEL).await.unwrap();
            migrate(&connection).await.unwrap();
            assert_eq!(version(&connection).await.unwrap(), MIGRATIONS.len());
            let before = host.statements().len();
            migrate(&connection).await.unwrap();
            assert_eq!(host.statements()[before..], [VERSION]);
        });
    }

    #[test]
    fn comments_are_not_statements() {
        assert_eq!(
            statements("-- one;\nSELECT 1;\n\n  -- two;\nSELECT 2;\n"),
            ["SELECT 1", "SELECT 2"]
        );
    }
}
