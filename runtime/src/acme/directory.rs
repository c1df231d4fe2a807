//! Owns the requests to the directory of an authority: their time and the size of the answers. What they say is left to the crate
//! `instant_acme`.

use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use super::limits::{ACME_ANSWER_TIMEOUT, ACME_CONNECT_TIMEOUT, MAX_DIRECTORY_ANSWER_BYTES};
use crate::certificates::Authorities;
use crate::http_client::{Client, Connector, Protocols, Timeouts};

/// Sends the requests. Clones share their connections.
#[derive(Clone)]
pub(super) struct Directory {
    client: Client<BodyWrapper<Bytes>>,
}

impl Directory {
    /// Trusts the authorities that browsers trust, or these in their place.
    pub(super) fn new(authorities: Option<Authorities>) -> Self {
        let connector = Connector::new(ACME_CONNECT_TIMEOUT).trusting(authorities);
        let client = Client::new(connector, Protocols::Http1);
        Self { client }
    }
}

impl HttpClient for Directory {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.client.clone();
        let timeouts = Timeouts {
            connect: ACME_CONNECT_TIMEOUT,
            first_byte: ACME_ANSWER_TIMEOUT,
            between_bytes: ACME_ANSWER_TIMEOUT,
            deadline: None,
        };
        Box::pin(async move {
            let response = client.send(request, timeouts).await;
            let response = response.map_err(|error| Error::Other(error.into()))?;
            let (parts, content) = response.into_parts();
            let content = Limited::new(content, MAX_DIRECTORY_ANSWER_BYTES)
                .collect()
                .await;
            let content = content.map_err(Error::Other)?.to_bytes();
            let body = Box::new(content);
            Ok(BytesResponse { parts, body })
        })
    }
}
