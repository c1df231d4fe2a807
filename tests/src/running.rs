//! A started app: where it listens, what it says, and how it is ended and started again.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::app::App;
use crate::client::{Answer, Broken, Client, request};
use crate::contract::{EVENT, EVENT_READY, REQUEST_ID_FIELD, metric};
use crate::metrics::Metrics;
use crate::process::{Ended, Process};
use crate::wait::until;

/// A started app. Its process ends with it.
#[derive(Debug)]
pub struct Running {
    app: App,
    command: &'static str,
    /// The process.
    pub process: Process,
    /// Where requests go: `http://ADDRESS`.
    pub http: String,
    /// Where requests with TLS go: `https://ADDRESS`, if there is such a listener.
    pub https: Option<String>,
    /// Where metrics and health are: `http://ADDRESS`.
    pub admin: String,
    /// A client with a pool.
    pub client: Client,
}

impl Running {
    pub(crate) async fn start(app: App, command: &'static str) -> Self {
        let mut process = app.spawn(command);
        let ready = until_ready(&mut process).await;
        let address = |name: &str| {
            ready[name]
                .as_str()
                .expect("the ready line has addresses")
                .to_owned()
        };
        let (http, admin) = (address("http"), address("admin"));
        let https = ready["https"].as_str().map(str::to_owned);
        Self {
            app,
            command,
            process,
            http,
            https,
            admin,
            client: Client::default(),
        }
    }

    /// The app that was started.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Where requests with TLS go: `https://ADDRESS`.
    ///
    /// # Panics
    /// Without such a listener.
    #[must_use]
    pub fn https(&self) -> &str {
        self.https
            .as_deref()
            .expect("the app has a listener for https")
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.http)
    }

    /// GETs a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// GETs a path with these fields.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.client
            .send(request(Method::GET, &self.url(path), headers, Bytes::new()))
            .await
    }

    /// GETs a path, and gives the break of the connection where there is one.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn try_get(&self, path: &str) -> Result<Answer, Broken> {
        self.client
            .try_send(request(Method::GET, &self.url(path), &[], Bytes::new()))
            .await
    }

    /// Calls a path with a content.
    pub async fn call(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        self.client
            .send(request(method, &self.url(path), &[], body))
            .await
    }

    /// POSTs a content to a path.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.call(Method::POST, path, body).await
    }

    /// GETs a path of the admin listener.
    pub async fn admin(&self, path: &str) -> Answer {
        self.client
            .send(request(
                Method::GET,
                &format!("{}{path}", self.admin),
                &[],
                Bytes::new(),
            ))
            .await
    }

    /// Runs a command with these arguments against its admin listener.
    pub async fn administer(&self, arguments: &[&str]) -> Ended {
        let admin = self.admin.trim_start_matches("http://");
        let arguments = [arguments, &["--admin", admin]].concat();
        crate::process::run(self.app.folder(), &arguments).await
    }

    /// Runs `terrace cache` with these arguments against it.
    pub async fn cache(&self, arguments: &[&str]) -> Ended {
        self.administer(&[&["cache"], arguments].concat()).await
    }

    /// Runs `terrace sql advise` with these arguments against it.
    pub async fn advise(&self, arguments: &[&str]) -> Ended {
        self.administer(&[&["sql", "advise"], arguments].concat())
            .await
    }

    /// Purges the cache by the command line, and gives how many responses it met.
    ///
    /// # Panics
    /// When that fails; the message shows what the command said.
    pub async fn purge(&self, arguments: &[&str]) -> u64 {
        let ended = self
            .cache(&[&["purge", "--json"], arguments].concat())
            .await;
        assert_eq!(ended.code, Some(0), "{}", ended.text);
        let said: Value = serde_json::from_str(&ended.text).expect("it prints one object");
        said["purged"].as_u64().expect("the object has a number")
    }

    /// The metrics as they stand.
    pub async fn metrics(&self) -> Metrics {
        Metrics(self.admin("/metrics").await.expect(200).text())
    }

    /// Waits until the sum of a metric is what `holds` wants.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_metric(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        holds: impl Fn(f64) -> bool,
    ) {
        let what = format!("the metric {name} with {labels:?}");
        until(&what, async || {
            holds(self.metrics().await.sum(name, labels)).then_some(())
        })
        .await;
    }

    /// Waits until this edge has sent so many further requests to a node.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_served_by(&self, node: &Self, count: u32) {
        let labels = [("origin", node.http.trim_start_matches("http://"))];
        let before = self.metrics().await.sum(metric::ORIGIN_REQUESTS, &labels);
        let end = before + f64::from(count);
        self.until_metric(metric::ORIGIN_REQUESTS, &labels, |served| served >= end)
            .await;
    }

    /// Waits until it says that it wants no more requests.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_unready(&self) {
        until("unready while draining", async || {
            (self.admin("/readyz").await.status == 503).then_some(())
        })
        .await;
    }

    /// The log line with `event` about the request that got this answer.
    ///
    /// # Panics
    /// When the answer names no request, or no such line comes.
    pub async fn logged(&self, event: &str, answer: &Answer) -> Value {
        let id = answer.header(REQUEST_ID_FIELD);
        assert!(!id.is_empty(), "every response names its request");
        self.process
            .log
            .event(event, |line| line[crate::contract::REQUEST_ID] == id)
            .await
    }

    /// Asks it to end and waits for the end.
    pub async fn terminate(self) -> Ended {
        self.process.terminate();
        self.process.wait().await
    }

    /// Asks it to end, waits for the end, and gives the app.
    pub async fn stop(self) -> App {
        self.process.terminate();
        self.process.wait().await;
        self.app
    }

    /// Ends it as a lost machine would, and starts it again on the same state.
    ///
    /// # Panics
    /// When it does not get ready again.
    pub async fn kill_and_restart(self) -> Self {
        self.process.kill();
        self.process.wait().await;
        Self::start(self.app, self.command).await
    }

    /// Waits for its end, and starts it again at the same addresses.
    ///
    /// # Panics
    /// When it does not get ready again.
    pub async fn come_back(self) -> Self {
        self.process.wait().await;
        Self::start(
            self.app.at(&self.http).with_admin_at(&self.admin),
            self.command,
        )
        .await
    }

    /// Starts a successor that takes its sockets over, and waits for the end of this process.
    ///
    /// # Panics
    /// When the successor does not get ready, or this process does not end by itself.
    pub async fn succeed(self) -> (Self, Ended) {
        let app = self
            .app
            .succeeding(&self.http, self.https.as_deref(), &self.admin);
        let successor = Self::start(app, self.command).await;
        (successor, self.process.wait().await)
    }

    /// Asks it to end, and starts it again on the same state.
    ///
    /// # Panics
    /// When it does not get ready again.
    pub async fn restart(self) -> Self {
        self.process.terminate();
        self.process.wait().await;
        Self::start(self.app, self.command).await
    }
}

/// One of several processes that serve the same app. It ends with this.
#[derive(Debug)]
pub struct Beside {
    /// The process.
    pub process: Process,
    /// Where requests go: `http://ADDRESS`.
    pub http: String,
    client: Client,
}

impl Beside {
    pub(crate) async fn start(mut process: Process) -> Self {
        let ready = until_ready(&mut process).await;
        Self {
            process,
            http: ready["http"].as_str().expect("an address").to_owned(),
            client: Client::default(),
        }
    }

    /// GETs a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// POSTs to a path.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.call(Method::POST, path, body.into()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Answer {
        let url = format!("{}{path}", self.http);
        self.client.send(request(method, &url, &[], body)).await
    }
}

async fn until_ready(process: &mut Process) -> Value {
    let ready = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        (value[EVENT] == EVENT_READY).then_some(value)
    };
    process.until_line("its ready line", ready).await
}
