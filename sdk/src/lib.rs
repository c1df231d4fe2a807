//! The SDK for HTTP functions: handlers, and their state.
//!
//! You write a function once, with the types of the [`http`] crate and the modules below. Built for WASI, it runs on `terrace up`
//! and `spin up`; for `wasm32-unknown-unknown`, on Cloudflare Workers. Built natively, it runs in [`testing::Host`], so
//! `cargo test` tests it without WebAssembly. `spin.toml`, or `wrangler.toml` on Cloudflare, grants its routes, databases and
//! hosts.
//!
//! ```
//! use terrace_sdk::{Body, Request, Response};
//!
//! async fn handle(_request: Request) -> Response {
//!     Response::new(Body::from("Hello"))
//! }
//!
//! terrace_sdk::export!(handle);
//!
//! # #[cfg(not(target_family = "wasm"))] {
//! use terrace_sdk::testing::Host;
//!
//! let answer = Host::new().call(handle, Request::new(Body::empty()));
//! assert_eq!(answer.text(), "Hello");
//! # }
//! ```

mod body;
#[cfg(any(all(target_family = "wasm", target_os = "unknown"), test))]
mod client;
mod error;
mod handler;
mod manifest;
mod response;

pub mod kv;
pub mod log;
pub mod outbound;
pub mod queue;
pub mod sql;
pub mod variables;

// One module per target, each with the same functions. All other modules are common to the targets.
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_os = "wasi")]
mod wasi;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod worker;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use self::worker as host;
#[cfg(all(
    target_family = "wasm",
    not(any(target_os = "wasi", target_os = "unknown"))
))]
compile_error!(
    "terrace-sdk has no host for this target: build for wasm32-wasip2 (Terrace, Spin) or wasm32-unknown-unknown (Cloudflare)"
);

#[cfg(not(target_family = "wasm"))]
use native as host;
#[cfg(target_os = "wasi")]
use wasi as host;

#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use body::{Body, BodyError};
pub use error::Error;
pub use handler::Handler;
pub use http;
pub use response::IntoResponse;

/// A request with the body type of this crate.
pub type Request<B = Body> = http::Request<B>;

/// A response with the body type of this crate.
pub type Response<B = Body> = http::Response<B>;

#[cfg(target_os = "wasi")]
#[doc(hidden)]
pub mod exported {
    //! What [`export!`](crate::export) expands to; not for use by hand.
    pub use crate::host::serve;
    pub use spin_sdk::wasip3;
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[doc(hidden)]
pub mod exported {
    //! What [`export!`](crate::export) expands to; not for use by hand.
    pub use crate::host::{deliver, fire, serve};
    pub use ::worker::worker_sys::{MessageBatch, ScheduledEvent};
    pub use ::worker::{Env, js_sys, wasm_bindgen, wasm_bindgen_futures, web_sys};
}

/// Makes a function the component's handler: `async fn handler(Request) -> impl IntoResponse`, or
/// `async fn handler() -> impl IntoResponse`, which is faster because the request is not copied.
///
/// For WASI it expands to the export of `wasi:http/handler@0.3.0`, for Cloudflare to the events `fetch`, `queue` and `scheduled`. Natively it
/// only checks that the handler exists.
#[macro_export]
macro_rules! export {
    ($handler:path) => {
        #[cfg(target_os = "wasi")]
        const _: () = {
            use $crate::exported::{serve, wasip3};
            struct Exported;
    wasip3::http::service::export!(Exported with_types_in wasip3);
            impl wasip3::exports::http::handler::Guest for Exported {
                async fn handle(
                    request: wasip3::http::types::Request,
                ) -> Result<wasip3::http::types::Response, wasip3::http::types::ErrorCode> {
                    serve(request, $handler).await
                }
            }
        };
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        const _: () = {
            use wasm_bindgen::prelude::wasm_bindgen as entry;
            use $crate::exported::{
                Env, MessageBatch, ScheduledEvent, js_sys, wasm_bindgen,
                wasm_bindgen_futures as futures, web_sys,
            };
            #[entry(wasm_bindgen = wasm_bindgen, wasm_bindgen_futures = futures, js_sys = js_sys)]
            pub async fn fetch(
                request: web_sys::Request,
                env: Env,
            ) -> Result<web_sys::Response, wasm_bindgen::JsValue> {
                $crate::exported::serve(request, env, $handler).await
            }
            #[entry(wasm_bindgen = wasm_bindgen, wasm_bindgen_futures = futures, js_sys = js_sys)]
            pub async fn queue(batch: MessageBatch, env: Env) {
                $crate::exported::deliver(batch, env, $handler).await;
            }
            #[entry(wasm_bindgen = wasm_bindgen, wasm_bindgen_futures = futures, js_sys = js_sys)]
            pub async fn scheduled(
                event: ScheduledEvent,
                env: Env,
            ) -> Result<(), wasm_bindgen::JsValue> {
                $crate::exported::fire(event, env, $handler).await
            }
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            let _ = $handler;
        };
    };
}
