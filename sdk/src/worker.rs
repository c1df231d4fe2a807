//! The target `wasm32-unknown-unknown`: Cloudflare Workers, through the crate `worker`.
//!
//! Bindings in `wrangler.toml` replace the grants in `spin.toml`; [`wrangler`](crate::wrangler) has their names.

mod content;
mod fields;
mod http;
mod kv;
mod outbound;
mod queue;
mod schedule;
mod sql;

pub use http::serve;
pub(crate) use kv::Store;
pub(crate) use outbound::send;
pub use queue::deliver;
pub(crate) use queue::enqueue;
pub use schedule::fire;
pub(crate) use sql::{Connection, batch, migrate};

use std::cell::OnceCell;

use worker::js_sys::{self, Object, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, web_sys};

use crate::manifest::wrangler;
use crate::{Error, variables};

thread_local! {
    /// The bindings. They are the same for every request of an isolate (Cloudflare also offers them as `env` of the module
    /// `cloudflare:workers`), so concurrent requests may share them.
    static ENV: OnceCell<Env> = const { OnceCell::new() };
}

/// Keeps the bindings for the calls below. They come with the first request of an isolate.
fn keep_env(env: Env) {
    ENV.with(|kept| _ = kept.set(env));
}

fn with_env<T>(work: impl FnOnce(&Env) -> T) -> Option<T> {
    ENV.with(|kept| kept.get().map(work))
}

/// The variables whose names begin so and that have this value: the rest of each name, as a label.
fn labels(prefix: &str, value: &str) -> Vec<String> {
    let names = with_env(|env| Object::keys(env.unchecked_ref::<Object>()));
    let names = names.iter().flat_map(|names| names.iter());
    let names = names.filter_map(|name| name.as_string());
    let named =
        names.filter(|name| binding(name).and_then(|of| of.as_string()).as_deref() == Some(value));
    let labels = named.filter_map(|name| {
        Some(
            name.strip_prefix(prefix)?
                .to_ascii_lowercase()
                .replace('_', "-"),
        )
    });
    labels.collect()
}

/// The binding with a name, if there is one.
fn binding(name: &str) -> Option<JsValue> {
    let value = with_env(|env| Reflect::get(env, &name.into()).ok())??;
    (!value.is_undefined()).then_some(value)
}

/// Accepts only strings, as `spin.toml` does: JavaScript's text for a number can differ from the file's, as `1` for `1.0`.
pub(crate) async fn variable(name: &str) -> Result<String, variables::Error> {
    let value = binding(name).ok_or_else(|| variables::Error::Undefined(name.to_owned()))?;
    value
        .as_string()
        .ok_or_else(|| variables::Error::NotString {
            name: name.to_owned(),
            kind: value.js_typeof().as_string().unwrap_or_default(),
            remedy: wrangler::string_variable(name),
        })
}

pub(crate) fn write_log(line: &str) {
    web_sys::console::log_1(&line.trim_end().into());
}

/// The message of a JavaScript error.
fn describe(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(
        || error.as_string().unwrap_or_else(|| format!("{error:?}")),
        |error| error.message().into(),
    )
}

fn failed(error: impl AsRef<JsValue>) -> Error {
    Error::message(describe(error.as_ref()))
}
