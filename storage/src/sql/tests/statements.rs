//! The parameters and results of statements.

use super::harness::{Engine, count, one, run, run_with};
use crate::sql::{Error, MAX_PARAMETERS, MAX_STATEMENT_BYTES, MAX_VALUE_BYTES, Value};

on_each_engine! {
    (flavor = "current_thread") {
        five_kinds_of_value_come_back_as_they_went_in,
        mathematical_functions_give_what_d1_gives,
        mathematical_functions_work_in_indexes_and_checks,
        columns_are_named_with_and_without_rows,
        new_column_is_seen_by_a_statement_that_was_compiled_before,
        returning_gives_rows_of_a_write,
        numbered_and_named_parameters_are_bound_in_order,
        wrong_number_of_parameters_is_an_error,
        most_parameters_are_accepted,
        wrong_statements_get_an_error_and_the_session_goes_on,
        error_of_a_statement_says_where_it_is_wrong,
        blank_tail_of_a_statement_is_fine,
        result_over_the_limit_is_an_error_and_its_write_is_undone,
        violated_constraint_is_named,
        session_knows_only_its_own_last_row_and_changes,
        row_inserted_by_a_trigger_is_not_the_last_of_the_session,
    }
}

async fn five_kinds_of_value_come_back_as_they_went_in(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    let table = "CREATE TABLE value (i INTEGER, r REAL, t TEXT, b BLOB)";
    run(&mut session, table).await.unwrap();
    for (column, value) in [
        ("i", Value::Integer(i64::MIN)),
        ("i", Value::Null),
        ("r", Value::Real(-0.1)),
        ("r", Value::Real(f64::INFINITY)),
        ("t", Value::Text("naïve \u{1F980} end".to_owned())),
        ("t", Value::Text(String::new())),
        ("b", Value::Blob(vec![0, 255, 1])),
        ("b", Value::Blob(Vec::new())),
        ("b", Value::Null),
    ] {
        let insert = format!("INSERT INTO value ({column}) VALUES (?)");
        run_with(&mut session, &insert, vec![value.clone()])
            .await
            .unwrap();
        let select = format!("SELECT {column} FROM value");
        assert_eq!(one(&mut session, &select).await, value);
        run(&mut session, "DELETE FROM value").await.unwrap();
    }
    let not_a_number = vec![Value::Real(f64::NAN)];
    let rows = run_with(&mut session, "SELECT ?", not_a_number).await;
    assert_eq!(rows.unwrap().rows, [[Value::Null]]);
}

async fn mathematical_functions_give_what_d1_gives(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    for (expression, expected) in [
        ("sqrt(2.25)", Value::Real(1.5)),
        ("sqrt(-1)", Value::Null),
        ("pow(2, 10)", Value::Real(1024.0)),
        ("power(2, -1)", Value::Real(0.5)),
        ("floor(-1.5)", Value::Real(-2.0)),
        ("floor(7)", Value::Integer(7)),
        ("ceil(1.2)", Value::Real(2.0)),
        ("trunc(-1.7)", Value::Real(-1.0)),
        ("mod(7.5, -2)", Value::Real(1.5)),
        ("mod(1, 0)", Value::Null),
        ("exp(0)", Value::Real(1.0)),
        ("ln(1)", Value::Real(0.0)),
        ("ln(0)", Value::Null),
        ("log(100)", Value::Real(2.0)),
        ("log10(1000)", Value::Real(3.0)),
        ("log2(8)", Value::Real(3.0)),
        ("log(2, 8)", Value::Real(3.0)),
        ("log(1, 8)", Value::Null),
        ("log(-2, 8)", Value::Null),
        ("pi()", Value::Real(std::f64::consts::PI)),
        ("degrees(pi())", Value::Real(180.0)),
        ("radians(180)", Value::Real(std::f64::consts::PI)),
        ("sin(0)", Value::Real(0.0)),
        ("acos(2)", Value::Null),
        ("atan2(0, 1)", Value::Real(0.0)),
        ("tanh(0)", Value::Real(0.0)),
        ("sqrt(NULL)", Value::Null),
        ("sign(-3)", Value::Integer(-1)),
    ] {
        let value = one(&mut session, &format!("SELECT {expression}")).await;
        assert_eq!(value, expected, "{expression}");
    }
}

async fn mathematical_functions_work_in_indexes_and_checks(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE point (x REAL, y REAL, CHECK (sqrt(x * x + y * y) < 10))",
        "CREATE INDEX distance ON point (sqrt(x * x + y * y))",
        "INSERT INTO point VALUES (3, 4), (0, 1)",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    let nearest = "SELECT y FROM point ORDER BY sqrt(x * x + y * y) LIMIT 1";
    assert_eq!(one(&mut session, nearest).await, Value::Real(1.0));
    let far = run(&mut session, "INSERT INTO point VALUES (30, 40)").await;
    assert!(matches!(far, Err(Error::Constraint { .. })), "{far:?}");
}

async fn columns_are_named_with_and_without_rows(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    let empty = run(&mut session, "SELECT id, name AS label FROM item")
        .await
        .unwrap();
    assert_eq!(empty.columns, ["id", "label"]);
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    let one = run(&mut session, "SELECT id, name AS label FROM item")
        .await
        .unwrap();
    assert_eq!(one.columns, ["id", "label"]);
    assert_eq!(one.rows, [[Value::Integer(1), "a".into()]]);
}

async fn new_column_is_seen_by_a_statement_that_was_compiled_before(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    assert_eq!(
        run(&mut session, "SELECT * FROM item")
            .await
            .unwrap()
            .columns
            .len(),
        2
    );
    run(&mut session, "ALTER TABLE item ADD COLUMN size INTEGER")
        .await
        .unwrap();
    let after = run(&mut session, "SELECT * FROM item").await.unwrap();
    assert_eq!(after.columns, ["id", "name", "size"]);
    assert_eq!(after.rows[0].len(), 3);
}

async fn returning_gives_rows_of_a_write(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    let rows = run(
        &mut session,
        "INSERT INTO item (name) VALUES ('a'), ('b') RETURNING id",
    )
    .await
    .unwrap();
    assert_eq!(rows.rows, [[Value::Integer(1)], [Value::Integer(2)]]);
    assert_eq!((session.changes(), session.last_insert_rowid()), (2, 2));
}

async fn numbered_and_named_parameters_are_bound_in_order(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    let numbered = run_with(&mut session, "SELECT ?2, ?1", vec![1.into(), 2.into()])
        .await
        .unwrap();
    assert_eq!(numbered.rows, [[Value::Integer(2), Value::Integer(1)]]);
    let named = run_with(&mut session, "SELECT :a, @b, :a", vec![1.into(), 2.into()])
        .await
        .unwrap();
    assert_eq!(
        named.rows,
        [[Value::Integer(1), Value::Integer(2), Value::Integer(1)]]
    );
}

async fn wrong_number_of_parameters_is_an_error(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    for given in [0, 2, MAX_PARAMETERS + 1] {
        let result = run_with(&mut session, "SELECT ?", vec![Value::Null; given]).await;
        assert!(
            matches!(result, Err(Error::ParameterCount { .. })),
            "{given}: {result:?}"
        );
    }
}

async fn most_parameters_are_accepted(engine: Engine) {
    let fixture = engine.fixture().await;
    let sql = format!("SELECT ?{}", ",?".repeat(1599));
    let parameters = vec![Value::Integer(7); 1600];
    let rows = run_with(&mut fixture.database.session(), &sql, parameters)
        .await
        .unwrap();
    assert_eq!(rows.rows[0].len(), 1600);
    let last = format!("SELECT ?{MAX_PARAMETERS}");
    let parameters = vec![Value::Integer(7); MAX_PARAMETERS];
    run_with(&mut fixture.database.session(), &last, parameters)
        .await
        .unwrap();
}

async fn wrong_statements_get_an_error_and_the_session_goes_on(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    let long = format!("SELECT '{}'", "x".repeat(MAX_STATEMENT_BYTES));
    let nested = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let wrong = [
        "",
        " ",
        "-- nothing",
        ";",
        "SELEKT",
        "SELECT",
        "SELECT \0",
        "SELECT 'a",
        "SELECT * FROM nowhere",
        "INSERT INTO nowhere VALUES (1)",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE item",
        "SELECT 1; nonsense",
        "INSERT INTO item (name) VALUES ('a'); SELECT 1",
        "COMMIT",
        "ROLLBACK",
        "RELEASE x",
        "ROLLBACK TO x",
        "SELECT abs(-9223372036854775808)",
        "SELECT zeroblob(1000000000)",
        &long,
        &nested,
    ];
    for sql in wrong {
        let error = run(&mut session, sql)
            .await
            .expect_err(&sql[..sql.len().min(60)]);
        assert!(!error.to_string().is_empty());
        assert!(!matches!(error, Error::Engine(_)), "{error:?}");
    }
    assert_eq!(count(&mut session).await, 0);
}

async fn error_of_a_statement_says_where_it_is_wrong(engine: Engine) {
    let fixture = engine.fixture().await;
    let error = run(&mut fixture.database.session(), "SELECT absent")
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no such column: absent (at byte 7)");
}

async fn blank_tail_of_a_statement_is_fine(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    assert_eq!(
        one(&mut session, "SELECT 1; -- done\n ; ").await,
        Value::Integer(1)
    );
}

async fn result_over_the_limit_is_an_error_and_its_write_is_undone(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    let nine = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)";
    let read = format!("{nine} SELECT zeroblob({MAX_VALUE_BYTES} - 100) FROM n");
    assert_eq!(run(&mut session, &read).await, Err(Error::ResultTooLarge));
    let write = format!(
        "INSERT INTO item (name) {nine} SELECT i FROM n RETURNING zeroblob({MAX_VALUE_BYTES} - 100)"
    );
    assert_eq!(run(&mut session, &write).await, Err(Error::ResultTooLarge));
    assert_eq!(count(&mut session).await, 0);
}

async fn violated_constraint_is_named(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    let error = run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap_err();
    assert_eq!(
        error,
        Error::Constraint {
            message: "UNIQUE constraint failed: item.name".to_owned()
        }
    );
}

async fn session_knows_only_its_own_last_row_and_changes(engine: Engine) {
    let fixture = engine.with_items().await;
    let (mut a, mut b) = (fixture.database.session(), fixture.database.session());
    run(&mut a, "INSERT INTO item VALUES (10, 'a')")
        .await
        .unwrap();
    run(&mut b, "INSERT INTO item VALUES (20, 'b'), (21, 'c')")
        .await
        .unwrap();
    assert_eq!((a.last_insert_rowid(), a.changes()), (10, 1));
    assert_eq!((b.last_insert_rowid(), b.changes()), (21, 2));
    assert_eq!(
        one(&mut a, "SELECT last_insert_rowid()").await,
        Value::Integer(10)
    );
    assert_eq!(one(&mut b, "SELECT changes()").await, Value::Integer(2));
    run(&mut a, "INSERT INTO item VALUES (30, last_insert_rowid())")
        .await
        .unwrap();
    assert_eq!(
        one(&mut b, "SELECT name FROM item WHERE id = 30").await,
        "10".into()
    );
    run(&mut b, "UPDATE item SET name = name || '!'")
        .await
        .unwrap();
    assert_eq!((b.last_insert_rowid(), b.changes()), (21, 4));
    run(&mut b, "CREATE TABLE other (x INTEGER)").await.unwrap();
    assert_eq!((b.last_insert_rowid(), b.changes()), (21, 4));
    run(&mut b, "DELETE FROM item WHERE id = 99").await.unwrap();
    assert_eq!((b.last_insert_rowid(), b.changes()), (21, 0));
    run(&mut a, "INSERT OR IGNORE INTO item VALUES (30, 'again')")
        .await
        .unwrap();
    assert_eq!((a.last_insert_rowid(), a.changes()), (30, 0));
}

async fn row_inserted_by_a_trigger_is_not_the_last_of_the_session(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE log (id INTEGER PRIMARY KEY, item INTEGER)",
        "CREATE TRIGGER noted AFTER INSERT ON item BEGIN INSERT INTO log VALUES (500, new.id); END",
        "INSERT INTO item VALUES (3, 'a')",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    assert_eq!((session.last_insert_rowid(), session.changes()), (3, 1));
    assert_eq!(
        one(&mut session, "SELECT id FROM log").await,
        Value::Integer(500)
    );
}
