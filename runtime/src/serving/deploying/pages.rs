//! The pages of the admin listener for deployments. They answer nobody who does not know the token.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Node, Refused};
use crate::bundle::{self, is_digest, limits::MAX_BUNDLE_BYTES};
use crate::failure::Failure;
use crate::fault::Faults;
use crate::request::ResponseBody;
use crate::request::limits::DEFAULT_BODY_PROGRESS_TIMEOUT;
use crate::rollout::limits::MAX_PIECES_WAITING;
use crate::rollout::{BUNDLE_PATH, Command, DEPLOY_PATH, FileBody, Phase};
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed, posted, refuse};
use crate::settings::Token;

/// Where the node will be, once the app is loaded.
pub(in crate::serving) type Slot = Arc<OnceLock<Arc<Node>>>;

/// The pages of the node in `slot`, for those who know the token; or those that say why no deployment is taken.
pub(in crate::serving) fn pages(slot: &Slot, token: Result<Token, &'static str>) -> Vec<AdminPage> {
    let token = Arc::new(token);
    let (node, known) = (Arc::clone(slot), Arc::clone(&token));
    let steps = AdminPage::blocking(DEPLOY_PATH, move |request| {
        let answer = admitted(&node, &known, request.headers())
            .and_then(|node| steps(&node, request).map_err(refusal));
        let answer = answer.unwrap_or_else(|refused| *refused);
        answer.map(ResponseBody::Full)
    });
    let (node, known) = (Arc::clone(slot), token);
    let bundles = AdminPage::streamed(BUNDLE_PATH, move |request| {
        let node = admitted(&node, &known, request.headers());
        async move {
            let answer = match node {
                Ok(node) => bundles(&node, request).await,
                Err(refused) => return refused.map(ResponseBody::Full),
            };
            answer.unwrap_or_else(|refused| refusal(refused).map(ResponseBody::Full))
        }
    });
    vec![steps, bundles]
}

/// The node, for a request that shows the token.
fn admitted(
    slot: &Slot,
    token: &Result<Token, &'static str>,
    fields: &HeaderMap,
) -> Result<Arc<Node>, Box<Response<Bytes>>> {
    let refused = |status, what| Err(Box::new(refuse(status, what)));
    match token {
        Err(why) => return refused(StatusCode::FORBIDDEN, why),
        Ok(token) if !token.is_shown_by(fields) => {
            let what = "the token is missing or is another one than that of this server";
            return refused(StatusCode::UNAUTHORIZED, what);
        }
        Ok(_) => {}
    }
    match slot.get() {
        Some(node) => Ok(Arc::clone(node)),
        None => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is starting; try again",
        ),
    }
}

fn refusal(Refused(status, what): Refused) -> Box<Response<Bytes>> {
    Box::new(refuse(status, &what))
}

/// The status, or a step.
fn steps(node: &Arc<Node>, request: &Request<Bytes>) -> Result<Response<Bytes>, Refused> {
    let status = match *request.method() {
        Method::GET | Method::HEAD => node.status(asked(request.uri(), "id")),
        Method::POST => match posted::<Command>(request) {
            Ok(command) => node.command(command)?,
            Err(refused) => return Ok(*refused),
        },
        _ => return Ok(not_allowed("GET, HEAD, POST")),
    };
    Ok(json(StatusCode::OK, &status))
}

/// Takes or gives a bundle.
async fn bundles(
    node: &Arc<Node>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Refused> {
    let digest = asked(request.uri(), "digest").filter(|digest| is_digest(digest));
    let Some(digest) = digest.map(str::to_owned) else {
        let what = "name the bundle: `?digest=` and the SHA-256 of its index";
        return Err(Refused(StatusCode::BAD_REQUEST, what.to_owned()));
    };
    match *request.method() {
        Method::GET => give(node, &digest),
        Method::PUT => {
            let id = asked(request.uri(), "id").unwrap_or_default().to_owned();
            take(node, &id, digest, request.into_body()).await?;
            let status = node.status(Some(&id));
            Ok(json(StatusCode::OK, &status).map(ResponseBody::Full))
        }
        _ => Ok(not_allowed("GET, PUT").map(ResponseBody::Full)),
    }
}

fn give(node: &Node, digest: &str) -> Result<Response<ResponseBody>, Refused> {
    let file = node.state.lock().shelf.bundle(digest);
    let body = FileBody::open(&file).map_err(|error| {
        let what = format!("this server does not have that bundle: {error}");
        Refused(StatusCode::NOT_FOUND, what)
    })?;
    // The connection ends early if the file cannot be read to its end.
    let body = body.map_err(|_| Failure::ResponseBroken).boxed_unsync();
    Ok(Response::new(ResponseBody::Streamed(body)))
}

/// Receives a bundle for deployment `id` and checks it.
async fn take(
    node: &Arc<Node>,
    id: &str,
    digest: String,
    content: Incoming,
) -> Result<(), Refused> {
    let (arriving, file) = {
        let mut state = node.state.lock();
        let active = state.active(id)?;
        if active.phase != Phase::Begun {
            return Err(Refused::conflict("the deployment has its bundle already"));
        }
        state.shelf.arriving().map_err(|error| unwritable(&error))?
    };
    receive(content, file).await?;
    let node = Arc::clone(node);
    let keep = move || node.keep(arriving.path(), &digest);
    // A bundle is long, and the other pages do not wait until it is checked.
    let kept = tokio::task::spawn_blocking(keep).await;
    kept.unwrap_or_else(|error| Err(unwritable(&io::Error::other(error))))
}

impl Node {
    /// Keeps a bundle that has arrived, if it is the one with that digest and signed as the settings ask for.
    pub(super) fn keep(&self, arrived: &Path, digest: &str) -> Result<(), Refused> {
        let trusted = self
            .trusted_keys()
            .map_err(|error| refused_bundle(&error))?;
        let checked = bundle::read(arrived, trusted.as_deref(), None);
        let bundle = checked.map_err(|mut fault| {
            // The user does not know the file here.
            fault.file = PathBuf::from("the bundle");
            refused_bundle(&Faults::from(fault).to_string())
        })?;
        if bundle.digest != digest {
            return Err(refused_bundle(
                "it is another bundle than the one that was announced",
            ));
        }
        // Before the lock, because a disk may take long for that.
        let written = File::open(arrived).and_then(|file| file.sync_all());
        written.map_err(|error| unwritable(&error))?;
        let kept = self.state.lock().shelf.keep(arrived, digest);
        kept.map_err(|error| unwritable(&error))
    }
}

fn refused_bundle(why: &str) -> Refused {
    Refused(StatusCode::UNPROCESSABLE_ENTITY, why.to_owned())
}

fn unwritable(error: &io::Error) -> Refused {
    let what = format!("the bundle cannot be written to the state folder: {error}");
    Refused(StatusCode::INSUFFICIENT_STORAGE, what)
}

/// Writes content to a file, on a thread that may wait for the disk.
async fn receive(content: Incoming, mut file: File) -> Result<(), Refused> {
    let most = usize::try_from(MAX_BUNDLE_BYTES).unwrap_or(usize::MAX);
    let mut content = Limited::new(content, most);
    let (sender, mut pieces) = mpsc::channel::<Bytes>(MAX_PIECES_WAITING);
    let written = tokio::task::spawn_blocking(move || {
        while let Some(piece) = pieces.blocking_recv() {
            file.write_all(&piece)?;
        }
        io::Result::Ok(())
    });
    let received = async {
        loop {
            let piece = timeout(DEFAULT_BODY_PROGRESS_TIMEOUT, content.frame()).await;
            let piece = piece.map_err(|_elapsed| "the bundle does not come".to_owned())?;
            let Some(piece) = piece else { return Ok(()) };
            let piece = piece.map_err(|error| format!("the bundle did not come whole: {error}"))?;
            let piece = piece.into_data().unwrap_or_default();
            // The writer says why it takes no more. The rest is read all the same: else the client would not read the answer.
            let _ = sender.send(piece).await;
        }
    };
    let received: Result<(), String> = received.await;
    drop(sender);
    let written = written
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    received.map_err(|what| Refused(StatusCode::BAD_REQUEST, what))?;
    written.map_err(|error| unwritable(&error))
}

/// The value of a key in the query.
fn asked<'u>(uri: &'u Uri, key: &str) -> Option<&'u str> {
    let mut pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(name, value)| (name == key).then_some(value))
}
