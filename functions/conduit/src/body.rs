//! The content of a request: JSON with one object inside, such as `{"user": {...}}`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use terrace_sdk::http::HeaderMap;
use terrace_sdk::http::header::CONTENT_TYPE;
use terrace_sdk::{Body, BodyError};

use crate::failure::{Failure, Invalid};
use crate::limits::MAX_REQUEST_BYTES;

/// Reads the content as JSON. A missing `Content-Type` is forgiven; a wrong one is not.
pub(crate) async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Failure> {
    if !is_json(headers) {
        return Err(Failure::NotJson);
    }
    let content = body
        .read(MAX_REQUEST_BYTES)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge { .. } => Failure::TooLarge,
            BodyError::Incomplete(_) => Invalid::one("body", "ended before it was complete").into(),
        })?;
    serde_json::from_slice(&content)
        .map_err(|error| Invalid::one("body", format!("is not understood: {error}")).into())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let media_type = value
        .to_str()
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// For fields where `null` means something else than absence: `Some(None)` is `null`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
