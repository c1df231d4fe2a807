//! Conduit and a native server with the same statements, on SQLite and on Postgres.

use std::{fs, process::Stdio};

use tokio::{process::Command, time::timeout};

use super::{Asked, Compared, Lineup, ONE_ARTICLE};
use crate::{
    Outcome, REPORT_SCRIPT,
    apps::{App, CONDUIT, WITHOUT_CACHE},
    client,
    contestant::{Contestant, Kind},
    limits::{MAX_SEED_TIME, MAX_START_TIME},
    server::Server,
};

/// The aim for Terrace compared with native code on the same database.
const AIM_OF_NATIVE_SQL: f64 = 0.6;

/// A page of articles, as long as the server makes it.
const ARTICLES: Asked = Asked {
    path: "/api/articles",
    expects: "\"articlesCount\":1000",
};

/// What conduit answers on an empty database.
const EMPTY: Asked = Asked {
    path: "/api/tags",
    expects: "tags",
};

/// A user of the seeded database.
const LOGIN: &str = r#"{"user":{"email":"user1@example.com","password":"password123"}}"#;

/// Sends a comment, with the word TOKEN in place of a user's token.
const COMMENT_SCRIPT: &str = include_str!("../comment.lua");

impl Lineup<'_> {
    /// The three requests on each engine.
    pub(crate) async fn sql(&self) -> Outcome<Vec<Compared>> {
        let on_sqlite = self.on_sqlite().await?;
        let token = self.token(&on_sqlite[0]).await?;
        let (report, comment) = (self.folder.join("sql.lua"), self.folder.join("comment.lua"));
        fs::write(&report, REPORT_SCRIPT)?;
        let script = COMMENT_SCRIPT.replace("TOKEN", &token) + REPORT_SCRIPT;
        fs::write(&comment, script)?;
        let on_postgres = self.on_postgres(&on_sqlite[1]).await?;
        let mut all = Vec::new();
        for (engine, contestants) in [("SQLite", on_sqlite), ("Postgres", on_postgres)] {
            for (what, asked, script) in [
                ("GET /api/articles", ARTICLES, &report),
                ("GET of one article", ONE_ARTICLE, &report),
                ("POST of a comment", ONE_ARTICLE, &comment),
            ] {
                all.push(Compared {
                    title: format!("conduit on {engine}, {what}"),
                    contestants: contestants.each_ref().map(|each| asked.of(each.clone())),
                    script: script.clone(),
                });
            }
        }
        Ok(all)
    }

    async fn on_sqlite(&self) -> Outcome<[Contestant; 2]> {
        let terrace = self.seeded("terrace, SQLite", WITHOUT_CACHE).await?;
        let native = self.native_sql("native hyper and rusqlite")?;
        let database = native.folder.join("conduit.db");
        self.seed(&database, &[]).await?;
        let arguments = vec!["--sqlite".to_owned(), database.display().to_string()];
        Ok([terrace, with_arguments(native, arguments)])
    }

    /// Both on one database, which conduit has made and the rows of an SQLite file fill.
    async fn on_postgres(&self, on_sqlite: &Contestant) -> Outcome<[Contestant; 2]> {
        let native = self.native_sql("native hyper and tokio-postgres")?;
        let Some(url) = &self.files.postgres else {
            let missing = || Err("no Postgres server: see `cargo xtask bench`".to_owned());
            let terrace = self.contestant("terrace, Postgres", missing(), Kind::Terrace)?;
            let program = missing();
            return Ok([terrace, Contestant { program, ..native }]);
        };
        let settings = format!("{WITHOUT_CACHE}[sql.default]\nurl = {url:?}\n");
        let conduit = self.guest("conduit");
        let app = App::new(&settings).with("conduit", "/api/...", &conduit, CONDUIT);
        let terrace = self.terrace("terrace, Postgres", &app)?;
        drop(Server::start(&EMPTY.of(terrace.clone()), MAX_START_TIME).await?);
        let arguments = vec!["--postgres".to_owned(), url.clone()];
        let native = with_arguments(native, arguments);
        self.fill(on_sqlite, &native).await?;
        Ok([terrace, native])
    }

    /// Copies the rows of one native server's database into the other's.
    async fn fill(&self, from: &Contestant, to: &Contestant) -> Outcome {
        let mut native = Command::new(&self.files.native_sql);
        for contestant in [from, to] {
            if let Kind::Native { arguments } = &contestant.kind {
                native.args(arguments);
            }
        }
        native.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(MAX_SEED_TIME, native.output()).await??;
        if output.status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "the Postgres database was not filled: {}",
            printed.trim_end()
        )
        .into())
    }

    /// The token of a user, which all servers of conduit take that have the same secret.
    async fn token(&self, terrace: &Contestant) -> Outcome<String> {
        let server = Server::start(&ARTICLES.of(terrace.clone()), MAX_START_TIME).await?;
        let (status, content) = client::post(server.address, "/api/users/login", LOGIN).await?;
        let answer: serde_json::Value = serde_json::from_str(&content)?;
        let token = answer["user"]["token"].as_str();
        let token = token.ok_or_else(|| format!("no login: {status} {content}"))?;
        Ok(token.to_owned())
    }

    fn native_sql(&self, name: &str) -> Outcome<Contestant> {
        let kind = Kind::Native {
            arguments: Vec::new(),
        };
        let contestant = self.contestant(name, Ok(self.files.native_sql.clone()), kind)?;
        Ok(Contestant {
            aim: Some(AIM_OF_NATIVE_SQL),
            ..contestant
        })
    }
}

fn with_arguments(contestant: Contestant, arguments: Vec<String>) -> Contestant {
    Contestant {
        kind: Kind::Native { arguments },
        ..contestant
    }
}
