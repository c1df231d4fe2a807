//! Serves the files that the manifest mounts: a web site's pages, scripts and pictures, and downloads of any size.
//!
//! It is stateless apart from the entity tags that it remembers. A cache in front of it makes it a CDN; on Cloudflare, the
//! same folder is `[assets]` in `wrangler.toml`, without this function.

mod answer;
mod conditions;
mod content;
mod encoding;
mod entity_tag;
mod lifetime;
mod limits;
mod media_type;
mod path;
mod range;
mod site;
#[cfg(test)]
mod tests;

use std::path::Path;

use terrace_sdk::{Error, Request, Response};

use lifetime::Lifetimes;
use site::Site;

/// Where the manifest's `files` lie for the component.
const MOUNTED: &str = "/";

/// Answers a request with the file that its path names.
///
/// # Errors
/// When a file that is there cannot be read.
pub async fn handle(request: Request) -> Result<Response, Error> {
    let site = Site {
        root: Path::new(MOUNTED),
        lifetimes: Lifetimes::from_environment(),
    };
    Ok(answer::answer(&site, &request)?)
}

terrace_sdk::export!(handle);
