//! Requests to other servers through `wasi:http/client@0.3.0`.

use spin_sdk::wasip3::http::types::ErrorCode;

use super::http::Incoming;
use crate::outbound::{Error, target};
use crate::{Body, Request, Response};

pub(crate) async fn send(request: Request) -> Result<Response, Error> {
    let target = target(&request);
    match spin_sdk::http::send(request).await {
        Ok(response) => Ok(response.map(|body| Body::stream(Incoming::Open(body)))),
        Err(ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited) => {
            Err(Error::Denied(target))
        }
        Err(code) => Err(Error::Failed {
            target,
            reason: code.to_string(),
        }),
    }
}
