//! A `wasi:http/handler@0.3` component that answers, misbehaves or probes its host, as its path says.

#[cfg(target_arch = "wasm32")]
mod body;
#[cfg(target_arch = "wasm32")]
mod handler;
