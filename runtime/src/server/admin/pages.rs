//! Owns the pages of the admin listener as a router: which page answers a path, and which hosts are answered at all.
//! The content of a page is left to the module that adds it; reading requests and writing responses to the listener.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;

use crate::request::ResponseBody;

/// A page of the admin listener.
pub struct AdminPage {
    path: &'static str,
    answer: Answer,
}

/// How a page answers.
enum Answer {
    /// Content of requests is short, and read before.
    Whole(Box<Answering<Bytes>>),
    /// The page reads the content itself.
    Streamed(Box<Answering<Incoming>>),
}

type Answering<C> = dyn Fn(Request<C>) -> BoxFuture<'static, Response<ResponseBody>> + Send + Sync;

/// The pages, and the hosts that they have.
#[derive(Debug)]
pub(super) struct Router {
    pages: Vec<AdminPage>,
    hosts: Vec<String>,
}

impl AdminPage {
    /// The page at `path`.
    pub fn new<A, F>(path: &'static str, answer: A) -> Self
    where
        A: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let answer = Answer::Whole(Box::new(move |request| Box::pin(answer(request))));
        Self { path, answer }
    }

    /// The page at `path`, which reads the content of its requests itself: it may be long.
    pub fn streamed<A, F>(path: &'static str, answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let answer = Answer::Streamed(Box::new(move |request| Box::pin(answer(request))));
        Self { path, answer }
    }

    /// The page at `path`, whose answer may take long to work out. It does so on a thread of its own, so that no other
    /// page waits for it.
    pub fn blocking<A>(path: &'static str, answer: A) -> Self
    where
        A: Fn(&Request<Bytes>) -> Response<ResponseBody> + Clone + Send + Sync + 'static,
    {
        Self::new(path, move |request| {
            let answer = answer.clone();
            let answered = tokio::task::spawn_blocking(move || answer(&request));
            async move {
                // It has panicked, which has been printed.
                let failed = |_| plain(StatusCode::INTERNAL_SERVER_ERROR, "this page failed\n");
                answered.await.unwrap_or_else(failed)
            }
        })
    }

    /// A page that shows a text of the moment.
    pub(super) fn text<A>(path: &'static str, answer: A) -> Self
    where
        A: Fn() -> (StatusCode, &'static str, String) + Send + Sync + 'static,
    {
        Self::new(path, move |request| {
            let response = if matches!(*request.method(), Method::GET | Method::HEAD) {
                let (status, content_type, content) = answer();
                typed(status, content_type, content)
            } else {
                method_not_allowed()
            };
            std::future::ready(response)
        })
    }
}

impl fmt::Debug for AdminPage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.path)
    }
}

impl Router {
    /// These pages, for requests to an IP address, to this machine's own names and to `hosts`.
    pub(super) fn new(pages: Vec<AdminPage>, hosts: Vec<String>) -> Self {
        Self { pages, hosts }
    }

    /// Why a request gets no page, as its response; told before its content is read.
    pub(super) fn refuse<C>(&self, head: &Request<C>) -> Option<Response<ResponseBody>> {
        if !self.has_host(head) {
            let why = "this is not a host of the admin listener; `admin_hosts` of [listen] in terrace.toml adds one\n";
            return Some(plain(StatusCode::MISDIRECTED_REQUEST, why));
        }
        self.page(head.uri().path()).is_none().then(|| {
            let paths: Vec<_> = self.pages.iter().map(|page| page.path).collect();
            let mut response = plain(StatusCode::NOT_FOUND, "");
            let text = format!("here are {}\n", paths.join(", "));
            *response.body_mut() = ResponseBody::Full(text.into());
            response
        })
    }

    /// Answers a request that [`Self::refuse`] has not refused. `read` reads its content, if it is short.
    pub(super) async fn answer<R>(
        &self,
        request: Request<Incoming>,
        read: impl FnOnce(Incoming) -> R,
    ) -> Response<ResponseBody>
    where
        R: Future<Output = Result<Bytes, Response<ResponseBody>>>,
    {
        let page = self.page(request.uri().path());
        match page.map(|page| &page.answer) {
            Some(Answer::Streamed(answer)) => answer(request).await,
            Some(Answer::Whole(answer)) => {
                let (head, content) = request.into_parts();
                match read(content).await {
                    Ok(content) => answer(Request::from_parts(head, content)).await,
                    Err(refusal) => refusal,
                }
            }
            None => plain(StatusCode::NOT_FOUND, "there is no such page\n"),
        }
    }

    fn page(&self, path: &str) -> Option<&AdminPage> {
        self.pages.iter().find(|page| page.path == path)
    }

    /// A web page can give a name of its own the address of this listener (DNS rebinding), and its scripts then count as
    /// ours. So a name must be known here. An IP address is nobody's to give, and a browser says always which it asked.
    fn has_host<C>(&self, head: &Request<C>) -> bool {
        let mut hosts = head.headers().get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host,
            (None, None) => return head.version() == Version::HTTP_10,
            _ => return false,
        };
        let Ok(authority) = Authority::try_from(host.as_bytes()) else {
            return false;
        };
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.hosts.contains(&name)
    }
}

/// A short text.
pub(super) fn plain(status: StatusCode, content: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(Bytes::from_static(content.as_bytes())));
    *response.status_mut() = status;
    response
}

fn typed(
    status: StatusCode,
    content_type: &'static str,
    content: String,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(content.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

fn method_not_allowed() -> Response<ResponseBody> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
