//! Runs the steps of one file and compares what Postgres did with what the file says.

use super::script::{Expected, Results, Step};
use super::shown::{is_expected, lines};
use crate::dialect::tests::engines::{Answer, Engines, is_refusal, message};
use crate::dialect::{Cause, translate};

/// What came of a step.
#[derive(Debug)]
pub(super) enum Verdict {
    /// What the file says.
    Same,
    /// Refused by name, or it follows from a refusal before it.
    Refused(String),
    Different(String),
}

/// Why Postgres did not do a step.
enum Failure {
    /// By name.
    Refused(String),
    Failed(String),
}

/// Both engines while a file runs.
pub(super) struct Judge<'e> {
    engines: &'e mut Engines,
    /// A step was refused, so the ones after it may find less than the file says.
    has_refused: bool,
}

impl<'e> Judge<'e> {
    /// With an empty schema.
    pub(super) fn new(engines: &'e mut Engines) -> Self {
        engines.reset();
        engines.tell("COMMIT; SET statement_timeout = '60s'");
        Self {
            engines,
            has_refused: false,
        }
    }

    pub(super) fn verdict(&mut self, step: &Step) -> Verdict {
        let text = step.text.trim().trim_end_matches(';');
        let postgres = self.on_postgres(text);
        let sqlite = self.on_sqlite(text, postgres.is_ok());
        let verdict = match (&step.expected, postgres) {
            (Expected::Success, Ok(_)) | (Expected::Failure, Err(_)) => Verdict::Same,
            (Expected::Changes(count), Ok(answer)) if answer.changes == Some(*count) => {
                Verdict::Same
            }
            (Expected::Results(results), Ok(answer)) => {
                self.compared(results, &answer, sqlite.as_ref())
            }
            (_, Err(Failure::Refused(reason))) => Verdict::Refused(reason),
            (_, Err(Failure::Failed(_))) if self.has_refused && sqlite.is_err() => consequence(),
            (_, Ok(_)) if self.has_refused && sqlite.is_ok() => consequence(),
            (_, Err(Failure::Failed(error))) => Verdict::Different(format!("{text}\n  {error}")),
            (_, Ok(answer)) => Verdict::Different(format!("{text}\n  no error; {answer:?}")),
        };
        self.has_refused |= matches!(verdict, Verdict::Refused(_));
        verdict
    }

    fn on_postgres(&mut self, text: &str) -> Result<Answer, Failure> {
        let translated = translate(text, &self.engines.schema, &[]);
        let translated = translated.map_err(|refusal| match refusal.cause {
            Cause::NotPortable => Failure::Refused(refusal.reason),
            Cause::Wrong | Cause::Unknown => Failure::Failed(refusal.to_string()),
        })?;
        let answer = self.engines.on_postgres(&translated, &[]);
        let answer = answer.map_err(|error| match is_refusal(&error) {
            true => Failure::Refused(message(&error)),
            false => Failure::Failed(message(&error)),
        })?;
        let _ = self.engines.schema.apply(text);
        Ok(answer)
    }

    /// Runs it on SQLite, where it changes nothing that it does not change on Postgres.
    fn on_sqlite(&self, text: &str, is_kept: bool) -> Result<Answer, String> {
        if is_kept {
            return self.engines.on_sqlite(text, &[]);
        }
        let sqlite = &self.engines.sqlite;
        let _ = sqlite.execute_batch("SAVEPOINT asked");
        let answer = self.engines.on_sqlite(text, &[]);
        let _ = sqlite.execute_batch("ROLLBACK TO asked; RELEASE asked");
        answer
    }

    fn compared(
        &self,
        expected: &Results,
        answer: &Answer,
        sqlite: Result<&Answer, &String>,
    ) -> Verdict {
        let connection = &self.engines.sqlite;
        let width = expected.types.len();
        if answer.columns.len() == width && is_expected(connection, &answer.rows, expected) {
            return Verdict::Same;
        }
        let shown = |answer: &Answer| lines(connection, &answer.rows, expected, false);
        let postgres = shown(answer);
        let sqlite = sqlite.map(shown);
        let is_same = sqlite.as_ref() == Ok(&postgres) && answer.columns.len() == width;
        // A query without a result in the file is a question; SQLite's runner takes any answer.
        if is_same && expected.lines.is_empty() {
            return Verdict::Same;
        }
        if is_same && self.has_refused {
            return consequence();
        }
        let said = &expected.lines;
        Verdict::Different(format!(
            "the file says {said:?}\n  Postgres {postgres:?}\n  SQLite   {sqlite:?}"
        ))
    }
}

fn consequence() -> Verdict {
    Verdict::Refused("follows from a refusal before it".to_owned())
}
