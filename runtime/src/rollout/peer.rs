//! Calls the admin listener of a server for a deployment.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

use super::limits::{
    CHECK_TIMEOUT, MAX_ANSWER_BYTES, PEER_TIMEOUT, PIECE_TIMEOUT, TRANSFER_TIMEOUT,
};
use super::protocol::{BUNDLE_PATH, Command, DEPLOY_PATH, Status};
use crate::bundle::limits::MAX_BUNDLE_BYTES;
use crate::clock;
use crate::http_client::{Client, Connector, Protocols, ReceivedBody, Timeouts};
use crate::server::answers::PageError;
use crate::settings::{Origin, Token};

/// The piece of a bundle that is read at a time, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

type PeerBody = UnsyncBoxBody<Bytes, io::Error>;

/// The admin listener of a server.
#[derive(Clone)]
pub(crate) struct Peer {
    /// Its URL.
    pub(crate) url: Origin,
    client: Client<PeerBody>,
    authorization: HeaderValue,
}

/// Why a server did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerFailure {
    /// It does not answer, or another program does.
    #[error("it does not answer: {0}")]
    Silent(String),
    /// It says why.
    #[error("{0}")]
    Refused(String),
    /// The bundle cannot be read or written here.
    #[error("the bundle: {0}")]
    File(io::Error),
}

/// The content of a file.
pub(crate) struct FileBody {
    file: File,
    left: u64,
}

impl Peer {
    /// The server at `url`, which knows the `token`.
    pub(crate) fn new(url: Origin, token: &Token) -> Self {
        let connector = Connector::new(PEER_TIMEOUT);
        Self {
            url,
            client: Client::new(connector, Protocols::Http1),
            authorization: token.authorization(),
        }
    }

    /// Asks for the status. The server knows by it that the command of deployment `id` is there.
    pub(crate) async fn status(&self, id: Option<&str>) -> Result<Status, PeerFailure> {
        let query = id.map_or(String::new(), |id| format!("?id={id}"));
        let path = format!("{DEPLOY_PATH}{query}");
        let content = self
            .ask(Method::GET, &path, small(Vec::new()), PEER_TIMEOUT)
            .await?;
        parsed(&content)
    }

    /// Has it do a step.
    pub(crate) async fn command(&self, command: &Command) -> Result<Status, PeerFailure> {
        let content = serde_json::to_vec(command).expect("texts and numbers serialise");
        let content = self
            .ask(Method::POST, DEPLOY_PATH, small(content), PEER_TIMEOUT)
            .await?;
        parsed(&content)
    }

    /// Sends the bundle in `file`, for deployment `id`.
    pub(crate) async fn send_bundle(
        &self,
        id: &str,
        digest: &str,
        file: &Path,
    ) -> Result<(), PeerFailure> {
        let content = FileBody::open(file).map_err(PeerFailure::File)?;
        let path = format!("{BUNDLE_PATH}?digest={digest}&id={id}");
        let sent = self.ask(Method::PUT, &path, content.boxed_unsync(), TRANSFER_TIMEOUT);
        sent.await.map(drop)
    }

    /// Receives the bundle with that digest, unchecked.
    pub(crate) async fn fetch_bundle(
        &self,
        digest: &str,
        to: &mut impl Write,
    ) -> Result<(), PeerFailure> {
        let path = format!("{BUNDLE_PATH}?digest={digest}");
        let content = self
            .exchange(Method::GET, &path, small(Vec::new()), TRANSFER_TIMEOUT)
            .await?;
        let mut content = Box::pin(content);
        let mut received = 0;
        while let Some(piece) = content.frame().await {
            let piece = piece.map_err(|error| PeerFailure::Silent(error.to_string()))?;
            let piece = piece.into_data().unwrap_or_default();
            received += piece.len() as u64;
            if received > MAX_BUNDLE_BYTES {
                let what = format!("it is longer than {MAX_BUNDLE_BYTES} bytes");
                return Err(PeerFailure::File(io::Error::other(what)));
            }
            to.write_all(&piece).map_err(PeerFailure::File)?;
        }
        Ok(())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        content: PeerBody,
        timeout: Duration,
    ) -> Result<Bytes, PeerFailure> {
        let content = self.exchange(method, path, content, timeout).await?;
        whole(content).await
    }

    /// Sends a request, and gives the content of a response that is none of a refusal.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content: PeerBody,
        timeout: Duration,
    ) -> Result<ReceivedBody<PeerBody>, PeerFailure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(content)
            .map_err(|error| PeerFailure::Silent(error.to_string()))?;
        let timeouts = Timeouts {
            connect: PEER_TIMEOUT,
            first_byte: timeout.min(CHECK_TIMEOUT),
            between_bytes: timeout.min(PIECE_TIMEOUT),
            deadline: Some(clock::now() + timeout),
        };
        let response = self.client.send(request, timeouts).await;
        let response = response.map_err(|error| PeerFailure::Silent(error.to_string()))?;
        let (head, content) = response.into_parts();
        if head.status == StatusCode::OK {
            return Ok(content);
        }
        let content = whole(content).await?;
        Err(match serde_json::from_slice::<PageError>(&content) {
            Ok(PageError { error }) => PeerFailure::Refused(error),
            // The listener has refused the request before this page saw it.
            Err(_) if head.status == StatusCode::MISDIRECTED_REQUEST => {
                PeerFailure::Refused(String::from_utf8_lossy(&content).trim_end().to_owned())
            }
            Err(_) => {
                let what = "it is no admin listener of a server of this version of Terrace that takes deployments";
                PeerFailure::Refused(what.to_owned())
            }
        })
    }
}

fn small(content: Vec<u8>) -> PeerBody {
    let content = Full::new(Bytes::from(content));
    content.map_err(|never| match never {}).boxed_unsync()
}

async fn whole(content: ReceivedBody<PeerBody>) -> Result<Bytes, PeerFailure> {
    let content = http_body_util::Limited::new(content, MAX_ANSWER_BYTES);
    let collected = content.collect().await;
    let collected = collected.map_err(|error| PeerFailure::Silent(error.to_string()))?;
    Ok(collected.to_bytes())
}

fn parsed(content: &[u8]) -> Result<Status, PeerFailure> {
    let status = serde_json::from_slice(content);
    status.map_err(|error| PeerFailure::Refused(format!("its answer is none: {error}")))
}

impl FileBody {
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let file = File::open(file)?;
        let left = file.metadata()?.len();
        Ok(Self { file, left })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    /// Reading a piece of a file does not wait for anybody.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.left).unwrap_or(PIECE_BYTES);
        let mut piece = vec![0; length.min(PIECE_BYTES)];
        let read = self.file.read_exact(&mut piece);
        self.left -= piece.len() as u64;
        Poll::Ready(Some(read.map(|()| Frame::data(piece.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
