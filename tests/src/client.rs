//! The HTTP client of the tests: whole answers, streams, and what went wrong on the wire.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client as HyperClient};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::contract::{CACHE_STATUS_FIELD, PROBLEM_TYPE};
use crate::secure::Secure;
use crate::wait::within;

/// The content of a request: whole or streamed.
pub type Content = UnsyncBoxBody<Bytes, std::io::Error>;

/// Why there is no whole answer: the connection could not be made or broke off.
#[derive(Debug)]
pub enum Broken {
    /// Before the head of the response was there.
    BeforeHead(legacy::Error),
    /// In the middle of the content.
    InContent(hyper::Error),
}

/// An answer that was read to its end.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The fields.
    pub headers: HeaderMap,
    /// The content.
    pub body: Bytes,
}

/// A client with a pool of connections.
#[derive(Debug, Clone)]
pub struct Client(HyperClient<HttpsConnector<HttpConnector>, Content>);

impl Default for Client {
    fn default() -> Self {
        let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(nobody.with_no_client_auth())
            .https_or_http();
        Self::new(connector.enable_http1().build())
    }
}

impl Client {
    /// A client that asks each server for the certificate of `name`, whatever the URL.
    ///
    /// # Panics
    /// If `name` is none of a host.
    #[must_use]
    pub fn secure(secure: &Secure, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).expect("it is the name of a host");
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(secure.config())
            .https_only()
            .with_server_name_resolver(FixedServerNameResolver::new(name));
        Self::new(connector.enable_http1().build())
    }

    fn new(connector: HttpsConnector<HttpConnector>) -> Self {
        Self(HyperClient::builder(TokioExecutor::new()).build(connector))
    }
}

/// A request with a whole content.
///
/// # Panics
/// When the URL or a field is none.
#[must_use]
pub fn request(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Content> {
    let request = Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request
        .body(whole(body))
        .expect("tests write valid requests")
}

/// A content that is there as a whole.
#[must_use]
pub fn whole(body: impl Into<Bytes>) -> Content {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

impl Client {
    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// When the connection breaks before that.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn try_send(&self, request: Request<Content>) -> Result<Answer, Broken> {
        let what = format!("the answer to {} {}", request.method(), request.uri());
        within(&what, async {
            let response = self.0.request(request).await.map_err(Broken::BeforeHead)?;
            Answer::read(response).await.map_err(Broken::InContent)
        })
        .await
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Panics
    /// When the connection breaks, or it takes too long.
    pub async fn send(&self, request: Request<Content>) -> Answer {
        let what = format!("{} {}", request.method(), request.uri());
        self.try_send(request)
            .await
            .unwrap_or_else(|broken| panic!("{what}: {broken:?}"))
    }

    /// Sends a request and gives the response as soon as its head is there.
    ///
    /// # Panics
    /// When the connection breaks, or it takes too long.
    pub async fn stream(&self, request: Request<Content>) -> Response<Incoming> {
        let what = format!(
            "the head of the answer to {} {}",
            request.method(),
            request.uri()
        );
        within(&what, self.0.request(request))
            .await
            .unwrap_or_else(|error| panic!("{what}: {error:?}"))
    }
}

impl fmt::Debug for Answer {
    /// The beginning of the content is enough for a message about a failed test.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning = &self.body[..self.body.len().min(200)];
        let beginning = String::from_utf8_lossy(beginning);
        let length = self.body.len();
        write!(
            formatter,
            "{} {:?} {length} bytes: {beginning}",
            self.status, self.headers
        )
    }
}

impl Answer {
    async fn read(response: Response<Incoming>) -> Result<Self, hyper::Error> {
        let (head, content) = response.into_parts();
        let body = content.collect().await?.to_bytes();
        Ok(Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }

    /// The content as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as JSON.
    ///
    /// # Panics
    /// When it is none; the message shows it.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in: {}", self.text()))
    }

    /// A field as text; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// How the cache took part that is nearest to the client: what it says behind its name in `Cache-Status` (RFC 9211 §2).
    #[must_use]
    pub fn cache_status(&self) -> &str {
        let mut of_each = self.headers.get_all(CACHE_STATUS_FIELD).iter();
        let nearest = of_each.next_back().and_then(|value| value.to_str().ok());
        let status = nearest.unwrap_or_default();
        status.strip_prefix("terrace; ").unwrap_or(status)
    }

    /// Whether the cache answered without asking anybody.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.cache_status().split(';').next() == Some("hit")
    }

    /// Asserts the status; the message shows the content.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "the assertion alone is a use")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "with the content: {}", self.text());
        self
    }

    /// Asserts that this is the failure `name`, told by problem details (RFC 9457), with this status.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn expect_problem(self, status: u16, name: &str) {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(
            problem["type"],
            format!("{PROBLEM_TYPE}{name}"),
            "{problem}"
        );
        assert_eq!(
            problem["status"], status,
            "the member repeats the status (RFC 9457 §3.1.2)"
        );
        assert!(problem["title"].is_string(), "{problem}");
    }
}
