//! The number of queries, and the indices that they use.

use std::collections::BTreeSet;

use serde_json::json;
use terrace_sdk::sql::{Connection, Value};

use super::support::Api;

/// Steps that read all of something small: what was computed just before, a page that stops at its end, or the sixteen
/// parts of a count.
fn is_bounded_scan(statement: &str, step: &str) -> bool {
    let newest = "(SELECT articles.id AS id FROM articles ORDER BY articles.id DESC LIMIT";
    let newest_first = step.starts_with("SCAN articles") && statement.contains(newest);
    newest_first
        || step == "SCAN page"
        || step == "SCAN article_counts"
        || step.ends_with("VALUES CLAUSE")
        || step.contains("CONSTANT ROW")
}

/// Calls every endpoint once and gives the statements that were run.
#[expect(clippy::too_many_lines, reason = "a call for each statement")]
pub(super) fn every_statement() -> (Api, BTreeSet<String>) {
    let api = Api::with_events();
    // The first request applies the migrations, which read whole tables.
    assert_eq!(api.get("/tags", "").status, 200);
    let migrations = api.host.statements().len();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    let slug = api.article(&anna, "First", &["a", "b"]);
    let comment = api.comment(&bert, &slug, "Well said");
    api.post(
        "/users/login",
        "",
        &json!({"user": {"email": "anna@example.com", "password": "password123"}}),
    );
    api.put(
        "/user",
        &anna,
        &json!({"user": {"username": "anne", "bio": "x"}}),
    );
    api.post("/profiles/anne/follow", &bert, &json!({}));
    api.post(&format!("/articles/{slug}/favorite"), &bert, &json!({}));
    for path in [
        "/user",
        "/profiles/anne",
        "/articles/feed",
        "/articles",
        "/articles?tag=a",
        "/articles?author=anne",
        "/articles?favorited=bert",
        "/articles?tag=a&author=anne&favorited=bert",
        "/articles/first",
        "/articles/first/comments",
        "/tags",
        "/notifications",
    ] {
        assert_eq!(api.get(path, &bert).status, 200, "{path}");
    }
    for answer in api.host.deliver("conduit", crate::handle) {
        assert_eq!(answer.status, 204);
    }
    let digest = api
        .host
        .fire("digest", "2026-11-28T07:00:00Z", crate::handle);
    assert_eq!(digest.status, 204);
    api.put(
        &format!("/articles/{slug}"),
        &anna,
        &json!({"article": {"title": "Second", "tagList": ["c"]}}),
    );
    api.delete(&format!("/articles/second/comments/{comment}"), &bert);
    api.delete("/articles/second/favorite", &bert);
    api.delete("/profiles/anne/follow", &bert);
    assert_eq!(api.delete("/articles/second", &anna).status, 204);
    let statements = api.host.statements().split_off(migrations);
    let explainable = |text: &&String| {
        ["SELECT", "INSERT", "UPDATE", "DELETE"]
            .iter()
            .any(|verb| text.trim_start().starts_with(verb))
    };
    let statements = statements
        .iter()
        .filter(explainable)
        .filter(|text| !text.contains("schema_version"))
        .cloned()
        .collect();
    (api, statements)
}

#[test]
fn every_statement_uses_an_index() {
    let (api, statements) = every_statement();
    assert!(statements.len() > 25, "{}", statements.len());
    api.host.run(async {
        let connection = Connection::open("default").await.unwrap();
        for statement in &statements {
            let parameters = (1..=40)
                .take_while(|number| statement.contains(&format!("?{number}")))
                .map(|_| Value::Null);
            let plan = connection
                .execute(
                    &format!("EXPLAIN QUERY PLAN {statement}"),
                    parameters.collect::<Vec<_>>(),
                )
                .await
                .unwrap();
            for row in plan.iter() {
                let step: &str = row.get(3).unwrap();
                assert!(
                    !step.starts_with("SCAN") || is_bounded_scan(statement, step),
                    "{step} in {statement}"
                );
            }
        }
    });
}

#[test]
fn a_page_of_one_filter_is_sorted_by_its_index() {
    let (api, statements) = every_statement();
    let pages: Vec<&str> = statements
        .iter()
        .filter_map(|text| text.split("FROM (").nth(1)?.split(") page").next())
        .collect();
    let of_one_filter: Vec<&&str> = pages.iter().filter(|page| !page.contains("JOIN")).collect();
    assert_eq!(
        of_one_filter.len(),
        4,
        "all, by tag, by author, by user who likes: {pages:?}"
    );
    api.host.run(async {
        let connection = Connection::open("default").await.unwrap();
        for page in of_one_filter {
            let parameters = if page.contains("?4") { 4 } else { 3 };
            let plan = connection
                .execute(
                    &format!("EXPLAIN QUERY PLAN {page}"),
                    vec![Value::Null; parameters],
                )
                .await
                .unwrap();
            assert!(
                plan.iter()
                    .all(|row| !row.get::<&str>(3).unwrap().contains("TEMP B-TREE")),
                "{page}"
            );
        }
    });
}

/// How many statements a request runs on a database that is up to date, without the check that it is.
fn statements_of(api: &Api, path: &str, token: &str) -> usize {
    let before = api.host.statements().len();
    assert_eq!(api.get(path, token).status, 200, "{path}");
    api.host.statements()[before..]
        .iter()
        .filter(|text| !text.contains("schema_version"))
        .count()
}

#[test]
fn reading_takes_one_statement_however_much_there_is() {
    let api = Api::new();
    let token = api.user("anna");
    for number in 0..25 {
        let slug = api.article(&token, &format!("Title {number}"), &["a", "b", "c"]);
        api.comment(&token, &slug, "One");
        api.comment(&token, &slug, "Two");
    }
    for path in [
        "/articles",
        "/articles?tag=a",
        "/articles/feed",
        "/articles/title-1",
        "/articles/title-1/comments",
        "/tags",
        "/profiles/anna",
        "/user",
    ] {
        assert_eq!(statements_of(&api, path, &token), 1, "{path}");
    }
}
