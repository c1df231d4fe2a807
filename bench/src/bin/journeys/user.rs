//! A user with a connection of its own, as a browser or an app has one.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

use crate::Outcome;

/// The time for one answer. A user gives up then.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);

/// The field by which a client reads what it has written, wherever that was.
const BOOKMARK: &str = "terrace-bookmark";

/// A user.
pub(crate) struct User {
    address: SocketAddr,
    name: String,
    token: Option<String>,
    bookmark: Option<header::HeaderValue>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl User {
    /// A user whose name nobody has.
    pub(crate) fn new(address: SocketAddr, name: String) -> Self {
        Self {
            address,
            name,
            token: None,
            bookmark: None,
            connection: None,
        }
    }

    /// Registers, and signs what follows.
    pub(crate) async fn register(&mut self) -> Outcome<Value> {
        let name = format!("user{}", self.name);
        let user = json!({"user": {
            "username": name, "email": format!("{name}@example.com"), "password": "long enough",
        }});
        let answer = self.send(Method::POST, "/api/users", Some(&user)).await?;
        let token = answer["user"]["token"].as_str().ok_or("no token")?;
        self.token = Some(format!("Token {token}"));
        Ok(answer)
    }

    /// Registers and publishes so many articles. Gives their slugs.
    pub(crate) async fn publish(&mut self, count: usize) -> Outcome<Vec<String>> {
        self.register().await?;
        let mut slugs = Vec::new();
        for number in 0..count {
            let article = json!({"article": {
                "title": format!("Article {number} of {}", self.name),
                "description": "Of a load", "body": "Some text. ".repeat(50), "tagList": ["load"],
            }});
            let answer = self
                .send(Method::POST, "/api/articles", Some(&article))
                .await?;
            let slug = answer["article"]["slug"].as_str().ok_or("no slug")?;
            slugs.push(slug.to_owned());
        }
        Ok(slugs)
    }

    /// GETs a path.
    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Value> {
        self.send(Method::GET, path, None).await
    }

    /// GETs a file.
    pub(crate) async fn fetch(&mut self, path: &str) -> Outcome<Bytes> {
        self.send_any(Method::GET, path, None).await
    }

    /// POSTs JSON to a path.
    pub(crate) async fn post(&mut self, path: &str, content: &Value) -> Outcome<Value> {
        self.send(Method::POST, path, Some(content)).await
    }

    /// Sends a request and gives the JSON of its answer.
    ///
    /// # Errors
    /// When there is no answer in time, or its status is no success. Nothing is sent twice.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        content: Option<&Value>,
    ) -> Outcome<Value> {
        let answer = self.send_any(method, path, content).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn send_any(
        &mut self,
        method: Method,
        path: &str,
        content: Option<&Value>,
    ) -> Outcome<Bytes> {
        match timeout(MAX_ANSWER_TIME, self.exchange(method, path, content)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.connection = None;
                Err(error)
            }
            Err(_) => {
                self.connection = None;
                Err("no answer in time".into())
            }
        }
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        content: Option<&Value>,
    ) -> Outcome<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        if let Some(bookmark) = &self.bookmark {
            request = request.header(BOOKMARK, bookmark);
        }
        let content = content.map(Value::to_string);
        if content.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(content.unwrap_or_default()))?;
        let response = self.connection().await?.send_request(request).await?;
        if let Some(bookmark) = response.headers().get(BOOKMARK) {
            self.bookmark = Some(bookmark.clone());
        }
        let status = response.status();
        let content = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&content)).into());
        }
        Ok(content)
    }

    /// The open connection, or a new one.
    async fn connection(&mut self) -> Outcome<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
            // Its end shows at the next request.
            tokio::spawn(driver);
            self.connection = Some(connection);
        }
        self.connection
            .as_mut()
            .ok_or_else(|| "no connection".into())
    }
}
