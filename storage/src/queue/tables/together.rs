//! Calls that come while others are on their way go together in the next statement: a commit costs about the same for one call and
//! for a hundred. What the calls mean is left to the caller.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::failure::EngineFailure;
use crate::queue::error::Error;
use crate::queue::limits::{MAX_SENT, MAX_SENT_BYTES};
use crate::sql::postgres::HostDatabase;
use crate::sql::{MAX_OUTCOME_WAIT, MAX_WAITING_STATEMENTS};

/// Calls of one kind. Those of one lane go together; lanes do not wait for each other. Clones are the same calls.
#[derive(Debug)]
pub(super) struct Together<Lane, Call, Answer> {
    database: HostDatabase,
    lanes: Arc<Mutex<Lanes<Lane, Call, Answer>>>,
}

/// The calls that wait, by their lanes. A lane that is there has a statement on its way.
type Lanes<Lane, Call, Answer> = HashMap<Lane, VecDeque<Waiter<Call, Answer>>>;

#[derive(Debug)]
struct Waiter<Call, Answer> {
    call: Call,
    size: Size,
    deadline: Instant,
    answer: oneshot::Sender<Result<Answer, Error>>,
}

/// The part of a statement that a call takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl<Lane, Call, Answer> Together<Lane, Call, Answer>
where
    Lane: Clone + Eq + Hash + Send + Sync + 'static,
    Call: Send + 'static,
    Answer: Send + 'static,
{
    pub(super) fn new(database: &HostDatabase) -> Self {
        Self {
            database: database.clone(),
            lanes: Arc::default(),
        }
    }

    /// Waits for the answer to a call. `perform` performs calls in one statement and answers each, in their order; if it fails, all
    /// fail so.
    pub(super) async fn call<F>(
        &self,
        lane: Lane,
        call: Call,
        size: Size,
        deadline: Instant,
        perform: impl Fn(HostDatabase, Vec<Call>, Instant) -> F + Send + Sync + 'static,
    ) -> Result<Answer, Error>
    where
        F: Future<Output = Result<Vec<Answer>, Error>> + Send,
    {
        let (sender, answer) = oneshot::channel();
        let waiter = Waiter {
            call,
            size,
            deadline,
            answer: sender,
        };
        if let Some(first) = self.begin(&lane, waiter)? {
            let this = self.clone();
            let run = async move { this.run(&lane, first, perform).await };
            self.database.spawn(run);
        }
        let answer = timeout_at((deadline + MAX_OUTCOME_WAIT).into(), answer).await;
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(EngineFailure::Closed.into()),
            Err(_) => Err(EngineFailure::OutcomeUnknown.into()),
        }
    }

    /// Has a call wait for the statement that is on its way, or returns it if there is none.
    fn begin(
        &self,
        lane: &Lane,
        waiter: Waiter<Call, Answer>,
    ) -> Result<Option<Waiter<Call, Answer>>, Error> {
        let mut lanes = self.lanes();
        let Some(waiting) = lanes.get_mut(lane) else {
            lanes.insert(lane.clone(), VecDeque::new());
            return Ok(Some(waiter));
        };
        if waiting.len() >= MAX_WAITING_STATEMENTS {
            return Err(EngineFailure::Overloaded.into());
        }
        waiting.push_back(waiter);
        Ok(None)
    }

    /// Performs a call, and then those that have come meanwhile, until there are none.
    async fn run<F>(
        &self,
        lane: &Lane,
        first: Waiter<Call, Answer>,
        perform: impl Fn(HostDatabase, Vec<Call>, Instant) -> F,
    ) where
        F: Future<Output = Result<Vec<Answer>, Error>>,
    {
        let mut waiters = vec![first];
        // Each caller leaves at its own deadline. The last one is that of the statement.
        while let Some(deadline) = waiters.iter().map(|waiter| waiter.deadline).max() {
            let calls = waiters
                .into_iter()
                .map(|waiter| (waiter.call, waiter.answer));
            let (calls, answers): (Vec<_>, Vec<_>) = calls.unzip();
            let performed = perform(self.database.clone(), calls, deadline).await;
            answer(answers, performed);
            waiters = self.take(lane);
        }
    }

    /// The calls of the next statement of a lane. If there are none, it has none on its way any more.
    fn take(&self, lane: &Lane) -> Vec<Waiter<Call, Answer>> {
        let mut lanes = self.lanes();
        let mut taken = Vec::new();
        let Some(waiting) = lanes.get_mut(lane) else {
            return taken;
        };
        // Those whose caller has left are nobody's.
        waiting.retain(|waiter| !waiter.answer.is_closed());
        let (mut messages, mut bytes) = (0, 0);
        while let Some(waiter) = waiting.pop_front_if(|waiter| {
            messages += waiter.size.messages;
            bytes += waiter.size.bytes;
            messages <= MAX_SENT && bytes <= MAX_SENT_BYTES
        }) {
            taken.push(waiter);
        }
        if taken.is_empty() {
            lanes.remove(lane);
        }
        taken
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<Lane, Call, Answer>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Lane, Call, Answer> Clone for Together<Lane, Call, Answer> {
    fn clone(&self) -> Self {
        let (database, lanes) = (self.database.clone(), Arc::clone(&self.lanes));
        Self { database, lanes }
    }
}

/// Answers calls. One whose caller has left needs no answer.
fn answer<Answer>(
    waiting: Vec<oneshot::Sender<Result<Answer, Error>>>,
    answers: Result<Vec<Answer>, Error>,
) {
    match answers {
        Ok(answers) => {
            for (waiting, answer) in waiting.into_iter().zip(answers) {
                let _ = waiting.send(Ok(answer));
            }
        }
        Err(error) => {
            for waiting in waiting {
                let _ = waiting.send(Err(error.clone()));
            }
        }
    }
}
