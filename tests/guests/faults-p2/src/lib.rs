//! A `wasi:http/incoming-handler@0.2` component that answers, misbehaves or probes its host, as its path says.

#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod handler;
