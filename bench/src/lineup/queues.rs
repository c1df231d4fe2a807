//! Queues on each engine: Terrace, and a native server that uses the engine itself.

use std::fs;

use super::{Compared, Lineup};
use crate::{
    Outcome, REPORT_SCRIPT,
    apps::{App, MAIL_CONSUMER, MAIL_SENDER, WITHOUT_ACCESS_LOG},
    contestant::{Contestant, Kind},
};

/// The aim for Terrace's messages a second compared with native code on the same engine.
const AIM_OF_NATIVE_QUEUE: f64 = 0.7;

/// Sends messages.
const MESSAGE_SCRIPT: &str = include_str!("../message.lua");

impl Lineup<'_> {
    /// Both on each engine.
    pub(crate) fn queues(&self) -> Outcome<[Compared; 3]> {
        let missing = |server: &str| format!("no {server} server: see `cargo xtask bench`");
        let postgres = self.files.postgres.clone();
        let nats = self.files.nats.clone();
        Ok([
            self.on_engine("SQLite", "rusqlite", Ok(None))?,
            self.on_engine(
                "Postgres",
                "tokio-postgres",
                postgres.map(Some).ok_or(missing("Postgres")),
            )?,
            self.on_engine("NATS", "async-nats", nats.map(Some).ok_or(missing("NATS")))?,
        ])
    }

    /// Both on an engine at a URL, or each in a file of its own.
    fn on_engine(
        &self,
        engine: &str,
        client: &str,
        url: Result<Option<String>, String>,
    ) -> Outcome<Compared> {
        let (hello, relay) = (self.guest("hello"), self.guest("relay"));
        let place = url.clone().ok().flatten();
        let place = place.map(|url| format!("[queue]\nurl = {url:?}\n"));
        let settings = WITHOUT_ACCESS_LOG.to_owned() + &place.unwrap_or_default();
        let app = App::new(&settings)
            .with("hello", "/hello", &hello, MAIL_CONSUMER)
            .with("relay", "/send/...", &relay, MAIL_SENDER);
        let terrace = self.terrace(&format!("terrace, queue on {engine}"), &app)?;
        let file = || "messages.db".to_owned();
        let at = url.clone().map(|url| url.unwrap_or_else(file));
        let kind = Kind::Native {
            arguments: vec!["--queue".to_owned(), at.unwrap_or_default()],
        };
        let program = url.clone().map(|_| self.files.native_queue.clone());
        let native = Contestant {
            aim: Some(AIM_OF_NATIVE_QUEUE),
            ..self.contestant(&format!("native hyper, queue by {client}"), program, kind)?
        };
        let script = self.folder.join("message.lua");
        fs::write(&script, MESSAGE_SCRIPT.to_owned() + REPORT_SCRIPT)?;
        let program = url.and_then(|_| terrace.program.clone());
        Ok(Compared {
            title: format!("messages of 1 KiB on {engine}"),
            contestants: [Contestant { program, ..terrace }, native],
            script,
        })
    }
}
