//! The purge API and the figures of the cache, as pages of the admin listener.

use std::sync::Arc;

use bytes::Bytes;
use edge_cache::rules::groups::CacheGroup;
use edge_cache::rules::key::CacheKey;
use edge_cache::store::{Purge, PurgeMode};
use http::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::EdgeCache;
use super::simplify::simple_key;
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed, posted, refuse};

/// The page for purges.
pub(crate) const PURGE_PATH: &str = "/cache/purge";
/// The page with the figures.
pub(crate) const STATISTICS_PATH: &str = "/cache/stats";

/// The detail of a purge that met no response.
const NOTHING_STORED: &str = "nothing was stored there";

/// The pages of the cache. Without a cache they answer 404.
pub(crate) struct CachePages(Option<EdgeCache>);

/// The target of a purge: exactly one of the first four fields.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PurgeRequest {
    /// The group of this name, of every host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
    /// All variants of one URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// All URLs with this prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    /// Everything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) all: bool,
    /// Whether responses are marked stale instead of removed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) soft: bool,
}

/// The outcome of a purge.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Purged {
    /// How many responses it met.
    pub(crate) purged: u64,
    /// Present if it met none, since a mistyped name is not a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Purged {
    fn new(purged: u64) -> Self {
        let detail = (purged == 0).then(|| NOTHING_STORED.to_owned());
        Self { purged, detail }
    }
}

impl CachePages {
    /// The pages of this cache.
    pub(crate) fn new(cache: Option<EdgeCache>) -> Self {
        Self(cache)
    }

    fn purge(cache: &EdgeCache, request: &Request<Bytes>) -> Response<Bytes> {
        let wanted = match posted::<PurgeRequest>(request) {
            Ok(wanted) => wanted,
            Err(refused) => return *refused,
        };
        match wanted.target() {
            Ok(target) => {
                let simple = match &target {
                    Purge::Url(key) => simple_key(&cache.2, key).map(Purge::Url),
                    _ => None,
                };
                let purged = cache.0.purge(&simple.unwrap_or(target), wanted.mode());
                tell_level(cache);
                json(StatusCode::OK, &Purged::new(purged))
            }
            Err(what) => refuse(StatusCode::BAD_REQUEST, &what),
        }
    }
}

impl CachePages {
    /// Its pages for the admin listener.
    pub(crate) fn pages(self) -> Vec<AdminPage> {
        let pages = Arc::new(self);
        let page = |path| {
            let pages = Arc::clone(&pages);
            AdminPage::blocking(path, move |request| {
                pages.answer(request).map(ResponseBody::Full)
            })
        };
        vec![page(STATISTICS_PATH), page(PURGE_PATH)]
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let Some(cache) = &self.0 else {
            let what = "this server has no cache: `memory` of [cache] in terrace.toml is \"off\"";
            return refuse(StatusCode::NOT_FOUND, what);
        };
        match *request.method() {
            _ if request.uri().path() == PURGE_PATH => Self::purge(cache, request),
            Method::GET | Method::HEAD => json(StatusCode::OK, &cache.statistics()),
            _ => not_allowed("GET, HEAD"),
        }
    }
}

/// Tells the second level about a purge, so that it holds for others and after a restart when it is answered. A level that does not
/// confirm in time is told again. A page runs on a thread that may wait.
fn tell_level(cache: &EdgeCache) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.block_on(cache.0.tell_shared_level());
    }
}

impl PurgeRequest {
    /// The target.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(crate) fn target(&self) -> Result<Purge, String> {
        let Self {
            tag,
            url,
            prefix,
            all,
            ..
        } = self;
        match (tag, url, prefix, all) {
            (Some(tag), None, None, false) => Ok(Purge::Group {
                origin: None,
                group: CacheGroup::new(tag),
            }),
            (None, Some(url), None, false) => key(url).map(Purge::Url),
            (None, None, Some(prefix), false) => {
                normalised(prefix).map(|prefix| Purge::Prefix(prefix.into()))
            }
            (None, None, None, true) => Ok(Purge::All),
            _ => Err("say what to purge by exactly one of tag, url, prefix and all".to_owned()),
        }
    }

    fn mode(&self) -> PurgeMode {
        match self.soft {
            true => PurgeMode::Soft,
            false => PurgeMode::Hard,
        }
    }
}

fn key(url: &str) -> Result<CacheKey, String> {
    CacheKey::parse(url).ok_or_else(|| {
        format!("`{url}` is not a URL: write it as clients do, such as `http://example.com/a?b=c`")
    })
}

/// The prefix of keys for the beginning of a URL.
fn normalised(prefix: &str) -> Result<String, String> {
    CacheKey::parse_prefix(prefix).ok_or_else(|| {
        format!(
            "`{prefix}` is not the beginning of a URL: write scheme, host and the beginning of a path, such as `http://example.com/shop/`"
        )
    })
}

#[cfg(test)]
mod tests;
