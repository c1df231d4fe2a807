//! A `wasi:http/handler@0.3` component that uses the capabilities of spin-sdk 7 as its path says.

#[cfg(target_arch = "wasm32")]
mod handler;
