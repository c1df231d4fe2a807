//! The lines that a process prints, kept as they come and waited for.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::contract::EVENT;
use crate::wait::within;

/// All lines of a process so far, of both its outputs.
#[derive(Debug)]
pub struct Log {
    lines: watch::Receiver<Vec<String>>,
    sender: watch::Sender<Vec<String>>,
    is_unread: Arc<AtomicBool>,
}

impl Default for Log {
    fn default() -> Self {
        let (sender, lines) = watch::channel(Vec::new());
        Self {
            lines,
            sender,
            is_unread: Arc::default(),
        }
    }
}

impl Log {
    /// Adds the lines of `output` until it ends.
    pub fn follow(&self, output: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let sender = self.sender.clone();
        let is_unread = Arc::clone(&self.is_unread);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line).into_owned();
                sender.send_modify(|lines| lines.push(line));
                if is_unread.load(Ordering::Relaxed) {
                    pending::<()>().await;
                }
            }
        })
    }

    /// Has everybody who follows read one more line and then none, with the output still open.
    pub fn stop_reading(&self) {
        self.is_unread.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.is_unread.load(Ordering::Relaxed)
    }

    /// Everything printed so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// The first line that `select` takes, as soon as there is one.
    ///
    /// # Panics
    /// When no such line comes in time.
    pub async fn find<T>(&self, what: &str, select: impl Fn(&str) -> Option<T>) -> T {
        within(&format!("a line with {what}"), self.first(0, select)).await
    }

    /// The same for lines behind the first so many, without an end of the wait.
    ///
    /// # Panics
    /// Never: the log keeps its sender.
    pub async fn first<T>(&self, behind: usize, select: impl Fn(&str) -> Option<T>) -> T {
        let mut lines = self.lines.clone();
        let mut looked_at = behind;
        loop {
            let found = {
                let lines = lines.borrow_and_update();
                let new = lines.get(looked_at..).unwrap_or_default();
                let found = new.iter().find_map(|line| select(line));
                looked_at = looked_at.max(lines.len());
                found
            };
            match found {
                Some(found) => return found,
                None => lines.changed().await.expect("the log keeps its sender"),
            }
        }
    }

    /// The first JSON line that reports `event` and satisfies `matches`, as soon as there is one.
    ///
    /// # Panics
    /// When no such line comes in time.
    pub async fn event(&self, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let select = |line: &str| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value[EVENT] == event && matches(&value)).then_some(value)
        };
        self.find(&format!("the event `{event}`"), select).await
    }
}
