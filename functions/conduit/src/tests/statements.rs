//! The list of all statements, with which the copies in other crates are compared.

use std::collections::BTreeSet;

use serde_json::json;
use terrace_sdk::sql::Connection;
use terrace_sdk::testing::Host;

use super::queries::every_statement;
use super::support::Api;

/// A statement on each line, after a line that says so.
const LISTED: &str = include_str!("../../statements.sql");

/// Statements that seldom run: after the loss of a user, and with the secret for development.
fn rare_statements() -> Vec<String> {
    let api = Api::new();
    let token = api.user("anna");
    api.host.run(async {
        let connection = Connection::open("default").await.unwrap();
        connection.execute("DELETE FROM users", []).await.unwrap();
    });
    let before = api.host.statements().len();
    let article = json!({"article": {"title": "First", "description": "About", "body": "It"}});
    assert_eq!(api.post("/articles", &token, &article).status, 401);
    let mut rare = api.host.statements().split_off(before);
    rare.retain(|text| text.starts_with("SELECT 1 "));
    let host = Host::new().variable("jwt_secret", "development-only-and-longer-than-32-bytes");
    let api = Api { host };
    assert_eq!(api.get("/tags", "").status, 200);
    let mut warning = api.host.statements();
    warning.retain(|text| text.contains("INTO warnings"));
    rare.extend(warning);
    rare
}

#[test]
fn all_statements_are_listed_for_their_copies() {
    let (_, statements) = every_statement();
    let all = statements.into_iter().chain(rare_statements());
    let in_one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let all: BTreeSet<String> = all.map(in_one_line).collect();
    let listed: BTreeSet<String> = LISTED.lines().skip(1).map(str::to_owned).collect();
    let missing: Vec<_> = all.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&all).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "statements.sql lacks {missing:#?}\nand has too many: {gone:#?}"
    );
}
