//! Moves that end early, and are continued or given up.

use super::{Fixture, ended_early, filled, moved, moved_at_last, opened, read, traces};
use crate::sql::tests::harness::run;
use crate::sql::transfer::{MoveError, Place, abandon};

/// Ends moves after more and more polls, until one ends by itself; writes in between.
async fn continued_after_each_end(from: &Place, to: &Place) {
    let database = filled(from).await;
    let mut session = database.session();
    let (mut ends, mut polls) = (0, 1);
    loop {
        match ended_early(from, to, polls).await {
            None => ends += 1,
            // The server has not noticed yet that the one before has ended.
            Some(Err(MoveError::AtWork { .. })) => continue,
            Some(result) => {
                result.unwrap();
                break;
            }
        }
        polls += 1 + polls / 3;
        let write = format!("INSERT INTO item (name) VALUES ('after {ends}')");
        // If the last move ended after the switch, the source refuses.
        let _ = run(&mut session, &write).await;
        let _ = run(&mut session, "DELETE FROM part WHERE place = 'a'").await;
    }
    assert!(ends >= 10, "{ends}");
    let expected = read(&mut session).await;
    let target = opened(to);
    assert_eq!(read(&mut target.session()).await, expected);
}

#[tokio::test]
async fn a_move_to_a_server_is_continued_after_an_end_at_any_point() {
    let fixture = Fixture::new();
    continued_after_each_end(&fixture.file("old.db"), &fixture.on_server()).await;
}

#[tokio::test]
async fn a_move_to_a_file_is_continued_after_an_end_at_any_point() {
    let fixture = Fixture::new();
    continued_after_each_end(&fixture.on_server(), &fixture.file("new.db")).await;
}

#[tokio::test]
async fn a_move_that_was_made_is_made_already() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    filled(&file).await;
    moved(&file, &server).await.unwrap();
    let target = opened(&server);
    run(&mut target.session(), "INSERT INTO line VALUES ('later')")
        .await
        .unwrap();
    let again = moved_at_last(&file, &server).await.unwrap();
    assert_eq!(again.pause, None);
}

#[tokio::test]
async fn a_move_that_is_given_up_leaves_no_traces() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    let database = filled(&file).await;
    let mut polls = 8;
    while traces(&fixture.folder.path().join("old.db")) == 0 {
        polls += 8;
        if let Some(result) = ended_early(&file, &server, polls).await {
            assert!(
                matches!(result, Err(MoveError::AtWork { .. })),
                "{result:?}"
            );
        }
    }
    let other = fixture.another_on_server("other").await;
    let error = moved(&file, &other).await.unwrap_err();
    assert!(matches!(error, MoveError::UnderWay { .. }), "{error:?}");
    while let Err(error) = abandon(&file, Some(&server)).await {
        assert!(matches!(error, MoveError::AtWork { .. }), "{error:?}");
        tokio::task::yield_now().await;
    }
    assert_eq!(traces(&fixture.folder.path().join("old.db")), 0);
    run(&mut database.session(), "INSERT INTO line VALUES ('on')")
        .await
        .unwrap();
    moved_at_last(&file, &server).await.unwrap();
    let error = abandon(&file, None).await.unwrap_err();
    assert!(matches!(error, MoveError::Moved { .. }), "{error:?}");
}

#[tokio::test]
async fn a_move_stops_if_the_tables_are_changed_meanwhile() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    let database = filled(&file).await;
    let mut polls = 8;
    while traces(&fixture.folder.path().join("old.db")) == 0 {
        polls += 8;
        ended_early(&file, &server, polls).await;
    }
    run(
        &mut database.session(),
        "ALTER TABLE line ADD COLUMN more TEXT",
    )
    .await
    .unwrap();
    let error = moved_at_last(&file, &server).await.unwrap_err();
    assert!(
        matches!(error, MoveError::SchemaChanged { .. }),
        "{error:?}"
    );
}
