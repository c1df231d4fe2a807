//! A host in memory, for native tests of functions.
//!
//! Each [`Host`] has its own variables, stores, databases and log.

mod deliver;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::queue::Event;
use crate::{Handler, IntoResponse, Request, Response};

type Outbound = Rc<dyn Fn(Request) -> Response>;

thread_local! {
    static INSTALLED: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
}

/// The data that the native target reads and writes.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) variables: RefCell<HashMap<String, String>>,
    pub(crate) stores: RefCell<BTreeMap<(String, String), Vec<u8>>>,
    pub(crate) outbound: RefCell<HashMap<String, Outbound>>,
    pub(crate) logs: RefCell<Vec<String>>,
    pub(crate) statements: RefCell<Vec<String>>,
    events: RefCell<Vec<(String, Event)>>,
    undelivered: RefCell<Vec<(String, Event)>>,
    files: RefCell<HashMap<String, PathBuf>>,
    databases: RefCell<HashMap<String, Rc<rusqlite::Connection>>>,
}

impl State {
    pub(crate) fn send(&self, queue: String, event: Event) {
        self.undelivered
            .borrow_mut()
            .push((queue.clone(), event.clone()));
        self.events.borrow_mut().push((queue, event));
    }

    pub(crate) fn database(&self, label: &str) -> rusqlite::Result<Rc<rusqlite::Connection>> {
        if let Some(open) = self.databases.borrow().get(label) {
            return Ok(open.clone());
        }
        let connection = match self.files.borrow().get(label) {
            Some(path) => rusqlite::Connection::open(path)?,
            None => rusqlite::Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "foreign_keys", true)?;
        let connection = Rc::new(connection);
        self.databases
            .borrow_mut()
            .insert(label.to_owned(), connection.clone());
        Ok(connection)
    }
}

pub(crate) fn installed() -> Rc<State> {
    INSTALLED
        .with_borrow(Clone::clone)
        .expect("native code calls the host only inside terrace_sdk::testing::Host::run or call")
}

/// The host of one test.
#[derive(Clone, Default)]
pub struct Host(Rc<State>);

impl Host {
    /// A host without variables. Stores and databases of every label exist and are empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Defines a variable.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.0
            .variables
            .borrow_mut()
            .insert(name.to_owned(), value.to_owned());
        self
    }

    /// Answers requests to `origin` (`https://host:port`); all others are denied.
    #[must_use]
    pub fn outbound(self, origin: &str, answer: impl Fn(Request) -> Response + 'static) -> Self {
        self.0
            .outbound
            .borrow_mut()
            .insert(origin.to_owned(), Rc::new(answer));
        self
    }

    /// Keeps the database of that label in a file instead of in memory.
    #[must_use]
    pub fn database_file(self, label: &str, path: impl Into<PathBuf>) -> Self {
        self.0
            .files
            .borrow_mut()
            .insert(label.to_owned(), path.into());
        self
    }

    /// Runs a future to its end on this host.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let _restore = Restore(INSTALLED.replace(Some(self.0.clone())));
        pollster::block_on(future)
    }

    /// Sends a request to a handler and reads the whole response.
    ///
    /// # Panics
    ///
    /// If the content of the response fails, with the reason.
    pub fn call<A>(&self, handler: impl Handler<A>, request: Request) -> Answer {
        self.run(async {
            let answer = handler.answer(|| Ok::<_, Infallible>(request)).await;
            let (parts, body) = answer.into_response().into_parts();
            let content = body
                .read(usize::MAX)
                .await
                .expect("the handler's content is complete");
            Answer {
                status: parts.status,
                headers: parts.headers,
                content,
            }
        })
    }

    /// The log lines so far, each `LEVEL message`.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        self.0.logs.borrow().clone()
    }

    /// The events sent so far, in order, each with the name of its queue. [`Self::deliver`] delivers them.
    #[must_use]
    pub fn events(&self) -> Vec<(String, Event)> {
        self.0.events.borrow().clone()
    }

    /// The texts of all SQL statements so far, in order.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.0.statements.borrow().clone()
    }
}

/// Restores the host that was installed before, even if a test fails.
struct Restore(Option<Rc<State>>);

impl Drop for Restore {
    fn drop(&mut self) {
        INSTALLED.set(self.0.take());
    }
}

/// A complete response.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The content.
    pub content: Bytes,
}

impl Answer {
    /// The content as text, with anything that is not UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// A header field's value, or `""` if it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }
}

#[cfg(test)]
mod tests;
