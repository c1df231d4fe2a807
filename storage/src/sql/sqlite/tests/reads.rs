//! The threads that reads run on.

use super::with_items;
use crate::sql::sqlite::connection::StatementKind;
use crate::sql::tests::harness::run;

#[tokio::test]
async fn slow_read_that_was_only_unlucky_runs_inline_again() {
    let fixture = with_items().await;
    let sql = "SELECT count(*) FROM item";
    let database = fixture.database.sqlite();
    let kinds = database.kinds();
    kinds.remember(sql, StatementKind::LongRead);
    run(&mut fixture.database.session(), sql).await.unwrap();
    assert_eq!(fixture.database.statistics().long_reads.get(), 1);
    // On a busy machine one read may be slow by chance, but not every read.
    let mut before = 1;
    for _ in 0..100 {
        run(&mut fixture.database.session(), sql).await.unwrap();
        let long_reads = fixture.database.statistics().long_reads.get();
        if long_reads == before {
            return;
        }
        before = long_reads;
    }
    panic!("every read ran on a thread");
}
