//! Calls the admin listener of a running server, for the commands that need it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde::de::DeserializeOwned;

use super::arguments::AdminArguments;
use super::error::CommandError;
use super::limits::ADMIN_CALL_TIMEOUT;
use crate::block_on::block_on;
use crate::fault::Reason;
use crate::http_client::{Client, ClientError, Connector, Protocols, Timeouts};
use crate::server::READY_PATH;
use crate::server::answers::PageError;
use crate::settings::{SETTINGS_FILE, STATE_DIRECTORY, Settings};

/// The admin listener: the one that is named, else the one of the settings.
pub(super) fn address(arguments: &AdminArguments) -> Result<SocketAddr, CommandError> {
    if let Some(address) = arguments.admin {
        return Ok(address);
    }
    let settings = match &arguments.config {
        Some(file) => Settings::read(file),
        None => Settings::read_if_present(Path::new(SETTINGS_FILE)),
    };
    let config = settings?.judge(Path::new(STATE_DIRECTORY))?;
    config.listen.admin.ok_or_else(|| {
        let reason = Reason::new("the admin listener is off in the settings");
        CommandError::Failed(
            reason.help("start the server with `--admin ADDRESS`, and name that address here"),
        )
    })
}

/// Calls a page and reads its answer.
pub(super) fn call<T: DeserializeOwned>(
    admin: SocketAddr,
    request: http::request::Builder,
    content: Vec<u8>,
) -> Result<T, CommandError> {
    let answer =
        block_on(ask(admin, request, content)).map_err(|error| no_connection(&error))??;
    answer.map_err(|error| unreachable(admin, error))
}

/// Asks whether the server takes requests.
///
/// # Errors
/// When it does not, or there is none.
pub(super) fn ready(admin: SocketAddr) -> Result<(), CommandError> {
    let request = Request::get(format!("http://{admin}{READY_PATH}"))
        .body(Full::default())
        .expect("addresses and paths make a URL");
    let answer = block_on(exchange(request)).map_err(|error| no_connection(&error))?;
    let (status, content) = answer.map_err(|error| unreachable(admin, error))?;
    match &content[..] {
        b"ready\n" if status == StatusCode::OK => Ok(()),
        b"not ready\n" => {
            let what = format!("the server at {admin} takes no requests: it starts, or it ends");
            Err(failed(what))
        }
        _ => Err(stranger(admin)),
    }
}

/// Calls a page and reads its answer. The inner error says that there is no server.
pub(super) async fn ask<T: DeserializeOwned>(
    admin: SocketAddr,
    request: http::request::Builder,
    content: Vec<u8>,
) -> Result<Result<T, ClientError>, CommandError> {
    let mut request = request
        .body(Full::new(Bytes::from(content)))
        .expect("the paths of pages are valid");
    let target = format!("http://{admin}{}", request.uri());
    *request.uri_mut() = target.parse().expect("addresses and paths make a URL");
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    match exchange(request).await {
        Ok((status, content)) => read(admin, status, &content).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

async fn exchange(request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), ClientError> {
    let timeouts = Timeouts {
        connect: ADMIN_CALL_TIMEOUT,
        first_byte: ADMIN_CALL_TIMEOUT,
        between_bytes: ADMIN_CALL_TIMEOUT,
        deadline: None,
    };
    let client = Client::new(Connector::new(ADMIN_CALL_TIMEOUT), Protocols::Http1);
    let response = client.send(request, timeouts).await?;
    let status = response.status();
    let content = response.into_body().collect().await?;
    Ok((status, content.to_bytes()))
}

fn read<T: DeserializeOwned>(
    admin: SocketAddr,
    status: StatusCode,
    content: &[u8],
) -> Result<T, CommandError> {
    if status == StatusCode::OK
        && let Ok(answer) = serde_json::from_slice(content)
    {
        return Ok(answer);
    }
    Err(match serde_json::from_slice::<PageError>(content) {
        Ok(refusal) => failed(refusal.error),
        Err(_) => stranger(admin),
    })
}

fn stranger(admin: SocketAddr) -> CommandError {
    let what = format!("the server at {admin} is not an admin listener of this version of Terrace");
    let help = "name the admin address with `--admin`; `terrace up` prints it when it starts";
    CommandError::Failed(Reason::new(what).help(help))
}

fn no_connection(error: &io::Error) -> CommandError {
    failed(format!("no connection can be made: {error}"))
}

fn unreachable(admin: SocketAddr, error: ClientError) -> CommandError {
    let reason = Reason::new(format!(
        "no admin listener can be reached at {admin}: {error}"
    ));
    let help = "the server prints its admin address when it starts: name that one with `--admin`; a server that was started with `--admin off` has none";
    CommandError::Failed(reason.help(help))
}

fn failed(message: String) -> CommandError {
    CommandError::Failed(Reason::new(message))
}
