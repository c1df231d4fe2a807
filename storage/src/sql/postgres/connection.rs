//! One connection: it prepares and runs statements and reads their rows, and stops them at their deadline. Which statement runs
//! in which transaction is left to others.

use std::pin::{Pin, pin};
use std::time::Instant;

use futures_core::Stream;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, RowStream, SimpleQueryMessage, Statement};

use super::cancel::Cancel;
use super::failures::Failed;
use super::job::Stop;
use super::prepared::Prepared;
use super::translations::Translation;
use super::values::{Bound, Received};
use crate::clock;
use crate::dialect::{Effect, Translated};
use crate::sql::limits::{MAX_CONNECTION_AGE, MAX_OUTCOME_WAIT, MAX_PROBE_WAIT, MAX_RESULT_BYTES};
use crate::sql::position::Place;
use crate::value::Value;

/// What a statement gave.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Vec<Value>>,
    /// The rows that a change changed.
    pub(super) changes: u64,
    /// The rowid of the last row that was inserted.
    pub(super) rowid: Option<i64>,
}

/// Commands that are sent together with a statement, so that they cost no time of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around<'c> {
    /// They run before the statement; empty for none.
    pub(super) before: &'c str,
    /// They run after it; empty for none.
    pub(super) after: &'c str,
    /// A question for the place of the write, after them; empty for none.
    pub(super) ask: &'c str,
}

/// A connection. Only one statement runs on it at a time.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    cancel: Cancel,
    driving: AbortHandle,
    prepared: Prepared,
    /// Whether statements may be prepared under a name.
    can_prepare: bool,
    opened: Instant,
    /// Whether it must not be used for another statement: it broke, or a request to cancel may still arrive.
    is_spent: bool,
    /// Whether a transaction may be open.
    pub(super) in_transaction: bool,
    /// How far in its history the server was when this connection asked.
    pub(super) reached: Place,
    /// Where the last write on it is, if that was asked for.
    pub(super) written: Option<Place>,
}

impl Connection {
    pub(super) fn new(
        client: Client,
        driving: &JoinHandle<()>,
        cancel: Cancel,
        can_prepare: bool,
    ) -> Self {
        Self {
            client,
            cancel,
            driving: driving.abort_handle(),
            prepared: Prepared::default(),
            can_prepare,
            opened: clock::now(),
            is_spent: false,
            in_transaction: false,
            reached: Place::default(),
            written: None,
        }
    }

    /// Whether it may serve another statement.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_spent
            && !self.in_transaction
            && !self.client.is_closed()
            && clock::now() < self.opened + MAX_CONNECTION_AGE
    }

    /// Whether the server still answers on it.
    pub(super) async fn answers(&self) -> bool {
        let answered = timeout(MAX_PROBE_WAIT, self.client.check_connection()).await;
        matches!(answered, Ok(Ok(())))
    }

    /// Whether a request to cancel may still arrive, or the connection broke.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Runs commands of the host's own and discards their results.
    pub(super) async fn command(&mut self, text: &str, stop: &mut Stop<'_>) -> Result<(), Failed> {
        let work = async { self.client.batch_execute(text).await.map_err(Failed::from) };
        let (result, is_clean) = until_stopped(&self.cancel, stop, work).await;
        self.note(result, is_clean)
    }

    /// Runs a query of the host's own. Its values are texts.
    pub(super) async fn texts(
        &mut self,
        query: &str,
        stop: &mut Stop<'_>,
    ) -> Result<Vec<Vec<String>>, Failed> {
        let work = async { texts(&self.client, query).await.map_err(Failed::from) };
        let (result, is_clean) = until_stopped(&self.cancel, stop, work).await;
        self.note(result, is_clean)
    }

    /// Runs a statement of the host's own with values, and reads its rows.
    pub(super) async fn rows(
        &mut self,
        text: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
        stop: &mut Stop<'_>,
    ) -> Result<Vec<Vec<Value>>, Failed> {
        let work = async { Ok(self.client.query_typed(text, values).await?) };
        let (result, is_clean) = until_stopped(&self.cancel, stop, work).await;
        let rows = self.note(result, is_clean)?;
        rows.iter().map(row_values).collect()
    }

    /// Runs commands that commit, and asks for the place of the writes; without a question nothing.
    pub(super) async fn commit(
        &mut self,
        text: &str,
        ask: &str,
        stop: &mut Stop<'_>,
    ) -> Result<(), Failed> {
        let client = &self.client;
        // Two questions, because what becomes of the second says nothing of the commit.
        let work = async {
            let (ended, place) =
                tokio::join!(biased; client.batch_execute(text), asked(client, ask));
            ended.map(|()| place).map_err(Failed::from)
        };
        let (result, is_clean) = until_stopped(&self.cancel, stop, work).await;
        self.written = self.note(result, is_clean)?;
        Ok(())
    }

    /// Runs a change of the host's own with values.
    pub(super) async fn change(
        &mut self,
        text: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
        stop: &mut Stop<'_>,
    ) -> Result<(), Failed> {
        let work = async {
            let changed = self.client.execute_typed(text, values).await;
            changed.map(drop).map_err(Failed::from)
        };
        let (result, is_clean) = until_stopped(&self.cancel, stop, work).await;
        self.note(result, is_clean)
    }

    /// Runs a statement of a guest between the commands `around`, without waiting in between.
    pub(super) async fn run(
        &mut self,
        around: Around<'_>,
        translation: &Translation,
        values: Vec<(Bound<'_>, Type)>,
        stop: &mut Stop<'_>,
    ) -> Result<Answer, Failed> {
        let cancel = self.cancel.clone();
        let work = self.attempt(around, translation, values);
        let (result, is_clean) = until_stopped(&cancel, stop, work).await;
        self.note(result, is_clean)
    }

    async fn attempt(
        &mut self,
        around: Around<'_>,
        translation: &Translation,
        values: Vec<(Bound<'_>, Type)>,
    ) -> Result<Answer, Failed> {
        let Self {
            client,
            prepared,
            cancel,
            is_spent,
            written,
            ..
        } = self;
        let Around {
            mut before,
            after,
            ask,
        } = around;
        let mut known = prepared.get(translation.id).filter(|_| self.can_prepare);
        if known.is_none() && self.can_prepare {
            let types: Vec<_> = values.iter().map(|(_, kind)| kind.clone()).collect();
            let prepare = client.prepare_typed(translation.text(), &types);
            let (begun, statement) = tokio::join!(biased; command(client, before), prepare);
            begun.map_err(Failed::of_begin)?;
            before = "";
            let statement = statement?;
            prepared.remember(translation, &statement);
            known = Some(statement);
        }
        let work = run(
            client,
            known.as_ref(),
            translation,
            values,
            cancel,
            is_spent,
        );
        // Each is sent when it is polled for the first time: in this order, and before any is answered.
        let (begun, answer, ended, asked) = tokio::join!(
            biased;
            command(client, before),
            work,
            command(client, after),
            asked(client, ask),
        );
        let begun = begun.map_err(Failed::of_begin);
        let answer = after_begin(begun, answer)?;
        ended?;
        *written = asked;
        Ok(answer)
    }

    /// Notes what a statement did to the connection.
    fn note<T>(&mut self, result: Result<T, Failed>, is_clean: bool) -> Result<T, Failed> {
        let is_fatal = match &result {
            Err(Failed::Lost(_) | Failed::NotBegun | Failed::ReadOnly(_)) => true,
            // Prepared statements that are not there: a pooler is in between.
            Err(failed @ Failed::Refused(_)) => {
                !failed.leaves_connection() || matches!(failed.code(), "26000" | "42P05")
            }
            Err(_) => false,
            Ok(_) => false,
        };
        if is_fatal {
            self.driving.abort();
        }
        self.is_spent |= is_fatal || !is_clean;
        result
    }

    /// From now on no statement is prepared under a name.
    pub(super) fn stop_preparing(&mut self) {
        self.can_prepare = false;
    }

    /// Forgets the prepared statements.
    pub(super) fn forget(&mut self) {
        self.prepared = Prepared::default();
    }
}

fn row_values(row: &Row) -> Result<Vec<Value>, Failed> {
    let values = (0..row.len()).map(|at| row.try_get::<_, Received>(at).map(|value| value.0));
    let values: Result<_, _> = values.collect();
    values.map_err(|error| Failed::OtherColumns(super::failures::words(&error)))
}

/// The texts of a query of the host's own; `NULL` is empty.
pub(in crate::sql) async fn texts(
    client: &Client,
    query: &str,
) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let messages = client.simple_query(query).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let texts = rows.map(|row| {
        let texts = (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned());
        texts.collect()
    });
    Ok(texts.collect())
}

/// What a statement gave that was sent together with what begins its transaction.
fn after_begin(
    begun: Result<(), Failed>,
    answer: Result<Answer, Failed>,
) -> Result<Answer, Failed> {
    let is_refused = matches!(answer, Err(Failed::Refused(_) | Failed::ReadOnly(_)));
    if begun.as_ref().is_err_and(Failed::leaves_connection) && !is_refused {
        return Err(Failed::NotBegun);
    }
    begun.and(answer)
}

/// Asks for the place of a write; `None` without a question or an answer.
async fn asked(client: &Client, question: &str) -> Option<Place> {
    if question.is_empty() {
        return None;
    }
    let rows = texts(client, question).await.ok()?;
    let row = rows.first()?;
    Place::of_row(row.first()?, row.get(1)?)
}

/// Runs commands of the host's own; none if the text is empty.
async fn command(client: &Client, text: &str) -> Result<(), tokio_postgres::Error> {
    match text {
        "" => Ok(()),
        text => client.batch_execute(text).await,
    }
}

/// Runs `work` and cancels it when it must stop. Says also whether the connection is clean: a request to cancel that stopped
/// nothing may still arrive, and would stop the next statement.
async fn until_stopped<T>(
    cancel: &Cancel,
    stop: &mut Stop<'_>,
    work: impl Future<Output = Result<T, Failed>>,
) -> (Result<T, Failed>, bool) {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        result = &mut work => return (result, true),
        () = stop.reached() => {}
    }
    let ended = async { tokio::join!(cancel.send(), work).1 };
    match timeout(MAX_OUTCOME_WAIT, ended).await {
        Ok(Err(failed)) if failed.code() == "57014" => (Err(Failed::Stopped), true),
        Ok(result) => (result, false),
        Err(_) => {
            let message = "the server did not answer in time".to_owned();
            (Err(Failed::Lost(message)), false)
        }
    }
}

/// Runs a statement, under its name if it has one, and reads its rows.
async fn run(
    client: &Client,
    statement: Option<&Statement>,
    translation: &Translation,
    values: Vec<(Bound<'_>, Type)>,
    cancel: &Cancel,
    is_spent: &mut bool,
) -> Result<Answer, Failed> {
    let rows = match statement {
        None => client.query_typed_raw(translation.text(), values).await?,
        Some(statement) => {
            let values = values.into_iter().map(|(value, _)| value);
            let values = values.collect::<Vec<_>>();
            client.query_raw(statement, values).await?
        }
    };
    collect(rows, &translation.translated, cancel, is_spent).await
}

/// Reads the rows as they arrive, up to the limit.
async fn collect(
    rows: RowStream,
    translated: &Translated,
    cancel: &Cancel,
    is_spent: &mut bool,
) -> Result<Answer, Failed> {
    let mut answer = Answer::default();
    let (mut size, mut count) = (0, 0);
    let width = translated.columns.len();
    let mut rows = pin!(rows);
    while let Some(row) = std::future::poll_fn(|context| rows.as_mut().poll_next(context)).await {
        let row = row?;
        count += 1;
        let expected = width + usize::from(translated.has_rowid);
        if row.len() < expected {
            return Err(Failed::OtherColumns(
                "the table has other columns".to_owned(),
            ));
        }
        let value = |at: usize| {
            let value = row.try_get::<_, Received>(at);
            value
                .map(|value| value.0)
                .map_err(|error| Failed::OtherColumns(super::failures::words(&error)))
        };
        if translated.has_rowid
            && let Value::Integer(rowid) = value(width)?
        {
            answer.rowid = Some(rowid);
        }
        if width == 0 {
            continue;
        }
        let values = (0..width).map(value).collect::<Result<Vec<_>, _>>()?;
        size += size_of::<Vec<Value>>() + values.iter().map(Value::size).sum::<usize>();
        if size > MAX_RESULT_BYTES {
            drop(answer);
            *is_spent |= !discard(rows, cancel).await;
            return Err(Failed::TooLarge);
        }
        answer.rows.push(values);
    }
    answer.changes = match translated.effect {
        Effect::Write => rows.rows_affected().unwrap_or(count),
        _ => 0,
    };
    Ok(answer)
}

/// Reads the rest of a result without keeping it, and cancels the statement if that is long. Says whether the connection is clean:
/// a request to cancel that stopped nothing may still arrive.
async fn discard(mut rows: Pin<&mut RowStream>, cancel: &Cancel) -> bool {
    let mut patience = MAX_RESULT_BYTES;
    loop {
        let is_cancelled = patience == 0;
        match std::future::poll_fn(|context| rows.as_mut().poll_next(context)).await {
            None => return !is_cancelled,
            Some(Err(error)) => return error.code() == Some(&SqlState::QUERY_CANCELED),
            Some(Ok(row)) => patience = patience.saturating_sub(row.raw_size_bytes()),
        }
        if patience == 0 && !is_cancelled {
            cancel.send().await;
        }
    }
}
