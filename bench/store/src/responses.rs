//! Stored responses as a real origin would give them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use edge_cache::rules::key::CacheKey;
use edge_cache::rules::storing::{self, StoringConfig};
use edge_cache::rules::vary::VaryKey;
use edge_cache::store::compact_fields;
use edge_cache::{Content, Moment, Representation, StoredResponse};
use http::Response;

/// The key of the resource of this number.
pub(crate) fn key(number: u64) -> CacheKey {
    let uri = http::Uri::builder()
        .scheme("http")
        .authority("www.example.org")
        .path_and_query(format!("/articles/{number:016x}?page=1"));
    CacheKey::new(&uri.build().expect("it is a URI")).expect("it has a host")
}

/// A response of so many bytes with usual fields, in a group.
pub(crate) fn response(group: &str, bytes: usize) -> Arc<StoredResponse> {
    let now = Moment {
        wall: SystemTime::UNIX_EPOCH,
        monotonic: Duration::ZERO,
    };
    let head = Response::builder()
        .header("content-type", "text/html; charset=utf-8")
        .header("content-length", bytes)
        .header("cache-control", "public, max-age=600")
        .header("etag", "\"0123456789abcdef\"")
        .header("date", "Thu, 01 Jan 1970 00:00:00 GMT")
        .header("cache-groups", format!("\"{group}\""))
        .body(())
        .expect("the fields are valid");
    let mut head = head.into_parts().0;
    head.headers = compact_fields(&head.headers);
    let policy = storing::policy(&head, &StoringConfig::default(), now);
    let content = Content::whole(Bytes::from(vec![b'x'; bytes]));
    let representation = Representation::Whole(content);
    let vary = VaryKey::default();
    Arc::new(StoredResponse::new(
        head.status,
        head.headers,
        vary,
        policy,
        now,
        representation,
    ))
}
