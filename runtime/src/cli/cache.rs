//! `terrace cache`: the cache of a running server, by its admin listener.
//! The pages of the cache are in `crate::cache`.

use http::Request;

use super::admin;
use super::arguments::{AdminArguments, CacheCommand, PurgeArguments};
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::cache::{CacheStatistics, PURGE_PATH, PurgeRequest, Purged, STATISTICS_PATH};

/// Runs a command for a cache.
pub(crate) fn run(command: &CacheCommand, console: Console) -> Result<(), CommandError> {
    match command {
        CacheCommand::Purge(arguments) => purge(arguments, console),
        CacheCommand::Stats(arguments) => statistics(arguments, console),
    }
}

fn purge(arguments: &PurgeArguments, console: Console) -> Result<(), CommandError> {
    let request = PurgeRequest {
        tag: arguments.tag.clone(),
        url: arguments.url.clone(),
        prefix: arguments.prefix.clone(),
        all: arguments.all,
        soft: arguments.soft,
    };
    request
        .target()
        .map_err(|what| CommandError::argument("terrace cache purge", what))?;
    let content = serde_json::to_vec(&request).expect("strings serialise");
    let address = admin::address(&arguments.admin)?;
    let purged: Purged = admin::call(address, Request::post(PURGE_PATH), content)?;
    console.tell(&Event::Purged(&purged));
    Ok(())
}

fn statistics(arguments: &AdminArguments, console: Console) -> Result<(), CommandError> {
    let address = admin::address(arguments)?;
    let statistics: CacheStatistics =
        admin::call(address, Request::get(STATISTICS_PATH), Vec::new())?;
    console.tell(&Event::CacheStatistics(&statistics));
    Ok(())
}
