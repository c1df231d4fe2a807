//! Owns the work of a worker that outlives its request, and counts it: a drain waits for it.
//! The work itself is the pipeline's.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Spawns work on its worker, and knows whether any is left. Clones are of the same worker.
#[derive(Clone, Debug, Default)]
pub struct Background(Rc<Pending>);

#[derive(Debug, Default)]
struct Pending {
    count: Cell<usize>,
    none_left: Notify,
}

/// One piece of work; counted until it is dropped.
struct Counted(Rc<Pending>);

impl Background {
    /// Does `work`, whether or not anybody waits for its output.
    pub fn spawn<W>(&self, work: W) -> JoinHandle<W::Output>
    where
        W: Future<Output: 'static> + 'static,
    {
        let counted = Counted::new(&self.0);
        tokio::task::spawn_local(async move {
            let output = work.await;
            drop(counted);
            output
        })
    }

    /// Waits until no work is left.
    pub(crate) async fn finished(&self) {
        // All on one thread, so nothing can end between the look and the wait.
        while self.0.count.get() > 0 {
            self.0.none_left.notified().await;
        }
    }
}

impl Counted {
    fn new(pending: &Rc<Pending>) -> Self {
        pending.count.set(pending.count.get() + 1);
        Self(Rc::clone(pending))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            self.0.none_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn work_is_waited_for_also_when_nobody_takes_its_result() {
        let local = LocalSet::new();
        let finished = local.run_until(async {
            let (background, done) = (Background::default(), Rc::new(Cell::new(0)));
            for _ in 0..3 {
                let done = Rc::clone(&done);
                drop(background.spawn(async move {
                    tokio::task::yield_now().await;
                    done.set(done.get() + 1);
                }));
            }
            background.finished().await;
            done.get()
        });
        assert_eq!(finished.await, 3);
    }

    #[tokio::test]
    async fn work_that_was_aborted_is_not_waited_for() {
        let local = LocalSet::new();
        let waited = local.run_until(async {
            let background = Background::default();
            background.spawn(std::future::pending::<()>()).abort();
            background.finished().await;
        });
        waited.await;
    }
}
