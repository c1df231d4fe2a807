//! Promise: a trap, a loop or a leak ends that request only.

use terrace_tests::client::Broken;
use terrace_tests::contract::{EVENT_REQUEST, FAILURE, failure, metric};
use terrace_tests::raw::Connection;
use terrace_tests::{App, Running, guest};

/// The deadline of the faulty components.
const TIMEOUT: &str = "timeout = \"1s\"";
/// A deadline that lies beyond the patience of the tests' client: who waits for it waits in vain.
const ENDLESS: &str = "timeout = \"600s\"\ncpu = \"600s\"";
const VERSIONS: [&str; 2] = ["p2", "p3"];

/// Two faulty components and a healthy one.
async fn app() -> Running {
    app_with(TIMEOUT).await
}

/// The same, with another deadline of the faulty ones.
async fn app_with(deadline: &str) -> Running {
    let app = App::new()
        .component("p2", guest("faults-p2"))
        .route("/p2/...")
        .limit(deadline);
    let app = app.limit("memory = \"32MiB\"");
    let app = app
        .component("p3", guest("faults-p3"))
        .route("/p3/...")
        .limit(deadline);
    let app = app.limit("memory = \"32MiB\"");
    app.component("healthy", guest("faults-p3"))
        .route("/healthy/...")
        .start()
        .await
}

/// Each version answers `path` with this failure, the log and the metrics name it, and the others go on.
async fn check(path: &str, status: u16, name: &str) {
    let app = app().await;
    for version in VERSIONS {
        let answer = app.get(&format!("/{version}/{path}")).await;
        answer.clone().expect_problem(status, name);
        assert_eq!(
            app.logged(EVENT_REQUEST, &answer).await[FAILURE],
            name,
            "{version}"
        );
        let counted = app.metrics().await.sum(
            metric::FAILURES,
            &[("component", version), ("failure", name)],
        );
        assert!(counted >= 1.0, "{version}: {name} is not counted");
        app.get(&format!("/{version}/ok")).await.expect(200);
        app.get("/healthy/ok").await.expect(200);
    }
}

#[tokio::test]
async fn a_trap_is_answered_with_500() {
    check("trap", 500, failure::TRAPPED).await;
}

#[tokio::test]
async fn a_stack_overflow_is_answered_with_500() {
    check("deep-recursion", 500, failure::TRAPPED).await;
}

#[tokio::test]
async fn a_leak_is_answered_with_503() {
    check("leak", 503, failure::MEMORY).await;
}

#[tokio::test]
async fn a_busy_loop_ends_at_its_deadline() {
    let app = app().await;
    for version in VERSIONS {
        let answer = app.get(&format!("/{version}/loop")).await;
        let problem = answer.expect(504).json()["type"].clone();
        let problem = problem.as_str().expect("a problem has a type");
        assert!(
            problem.ends_with(failure::DEADLINE) || problem.ends_with(failure::CPU),
            "{problem}"
        );
        app.get(&format!("/{version}/ok")).await.expect(200);
    }
}

#[tokio::test]
async fn a_guest_that_never_answers_ends_at_its_deadline() {
    check("hang", 504, failure::DEADLINE).await;
}

/// Nothing can wake this guest. A host may see that at once (500) or wait for the deadline (504).
#[tokio::test]
async fn a_guest_that_nothing_can_wake_ends() {
    let app = app().await;
    for version in VERSIONS {
        let answer = app.get(&format!("/{version}/stuck")).await;
        assert!(
            [500, 504].contains(&answer.status),
            "{version}: {}",
            answer.status
        );
        app.get(&format!("/{version}/ok")).await.expect(200);
    }
}

#[tokio::test]
async fn a_guest_that_returns_without_an_answer_is_answered_with_500() {
    let app = app().await;
    app.get("/p2/no-response")
        .await
        .expect_problem(500, failure::NO_RESPONSE);
    app.get("/p3/no-response")
        .await
        .expect_problem(500, failure::GUEST_FAILED);
    app.get("/p2/ok").await.expect(200);
    app.get("/p3/ok").await.expect(200);
}

/// The first answer was on its way when the guest gave the second: the client gets that one whole, or a failure,
/// and never anything of the second.
#[tokio::test]
async fn a_second_answer_never_reaches_the_client() {
    let app = app().await;
    match app.try_get("/p2/answer-twice").await {
        Ok(answer) if answer.status == 200 => assert_eq!(answer.text(), "first"),
        Ok(answer) => answer.expect_problem(500, failure::TRAPPED),
        Err(Broken::InContent(_)) => {}
        Err(broken) => panic!("there was not even a head: {broken:?}"),
    }
    app.get("/p2/ok").await.expect(200);
}

/// The client reads on and on; the deadline ends it.
#[tokio::test]
async fn content_without_an_end_is_cut_at_the_deadline() {
    let app = app().await;
    for version in VERSIONS {
        let outcome = app.try_get(&format!("/{version}/write-forever")).await;
        assert!(
            matches!(outcome, Err(Broken::InContent(_))),
            "{version}: it looked whole"
        );
        app.until_metric(metric::IN_FLIGHT, &[("component", version)], |count| {
            count == 0.0
        })
        .await;
        app.get(&format!("/{version}/ok")).await.expect(200);
    }
}

/// Nobody can tell whose work goes on in an instance that is shared, but none goes on beyond the last deadline.
#[tokio::test]
async fn content_without_an_end_is_cut_in_a_shared_instance_too() {
    let app = App::of("faults-p3")
        .limit(TIMEOUT)
        .limit("reuse = { concurrent = 4 }")
        .start()
        .await;
    let outcome = app.try_get("/write-forever").await;
    assert!(matches!(outcome, Err(Broken::InContent(_))), "{outcome:?}");
    app.get("/ok").await.expect(200);
}

/// A fault while others are answered: none of the others is lost, or has to wait until the fault is over.
#[tokio::test]
async fn others_are_served_while_guests_misbehave() {
    let app = app_with(ENDLESS).await;
    app.get("/healthy/ok").await.expect(200);
    for version in VERSIONS {
        for path in [
            "trap",
            "loop",
            "leak",
            "hang",
            "write-forever",
            "deep-recursion",
        ] {
            let mut faulty = Vec::new();
            for _ in 0..4 {
                let mut connection = Connection::open(&app.http).await;
                connection
                    .send(format!("GET /{version}/{path} HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .await;
                faulty.push(connection);
            }
            for _ in 0..10 {
                app.get("/healthy/ok").await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn an_instance_that_trapped_is_never_used_again() {
    let app = app().await;
    for version in VERSIONS {
        app.get(&format!("/{version}/count")).await.expect(200);
        app.get(&format!("/{version}/trap")).await.expect(500);
        let count = app
            .get(&format!("/{version}/count"))
            .await
            .expect(200)
            .text();
        assert_eq!(
            count, "1",
            "{version}: the instance remembers what was before the trap"
        );
        let trapped = app.metrics().await.sum(
            metric::INSTANCES,
            &[("component", version), ("event", "trapped")],
        );
        assert!(trapped >= 1.0, "{version}: the trap is not counted");
    }
}

/// A trap takes what shares its instance with it, but each of these requests is answered.
#[tokio::test]
async fn requests_that_share_a_trapping_instance_are_all_answered() {
    let app = app().await;
    let answers = terrace_tests::load::at_once(20, |index| {
        let path = if index % 5 == 0 {
            "/p3/trap"
        } else {
            "/p3/sleep/50"
        };
        let app = &app;
        async move { (path, app.get(path).await.status) }
    })
    .await;
    for (path, status) in answers {
        let right = if path == "/p3/trap" {
            status == 500
        } else {
            [200, 500, 503].contains(&status)
        };
        assert!(right, "{path} was answered with {status}");
    }
    app.get("/p3/ok").await.expect(200);
}

#[tokio::test]
async fn a_thousand_traps_leave_the_server_whole() {
    let app = app().await;
    let statuses = terrace_tests::load::calls(1_000, 32, |index| {
        let path = format!("/{}/trap", VERSIONS[index % 2]);
        let app = &app;
        async move { app.get(&path).await.status }
    })
    .await;
    assert!(statuses.iter().all(|status| *status == 500), "{statuses:?}");
    app.get("/healthy/ok").await.expect(200);
}

#[tokio::test]
async fn too_many_response_fields_are_a_failure_of_the_function() {
    let app = app().await;
    for version in VERSIONS {
        let answer = app
            .get(&format!("/{version}/big-headers?count=100000&size=100"))
            .await;
        assert!(
            (500..600).contains(&answer.status),
            "{version}: {}",
            answer.status
        );
        app.get(&format!("/{version}/ok")).await.expect(200);
    }
}

#[tokio::test]
async fn memory_of_one_instance_is_not_seen_by_another() {
    let app = App::new()
        .component("a", guest("faults-p3"))
        .route("/a/...");
    let app = app
        .component("b", guest("faults-p3"))
        .route("/b/...")
        .start()
        .await;
    for expected in ["1", "2", "3"] {
        assert_eq!(app.get("/a/count").await.expect(200).text(), expected);
    }
    assert_eq!(app.get("/b/count").await.expect(200).text(), "1");
}

#[tokio::test]
async fn an_answer_that_was_finished_stands_when_the_guest_exits() {
    let app = app().await;
    let answer = app.get("/p2/exit").await.expect(200);
    assert_eq!(answer.text(), "thirteen byte");
    app.get("/p3/exit")
        .await
        .expect_problem(500, failure::NO_RESPONSE);
    app.get("/healthy/ok").await.expect(200);
}

#[tokio::test]
async fn an_answer_that_was_not_finished_breaks_off_when_the_guest_exits() {
    let app = app().await;
    if let Ok(answer) = app.try_get("/p2/exit-unfinished").await {
        answer.expect_problem(500, failure::GUEST_FAILED);
    }
}
