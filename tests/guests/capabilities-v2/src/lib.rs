//! A `wasi:http/incoming-handler@0.2` component that uses `fermyon:spin@2.0.0`, `wasi:config` and `wasi:keyvalue` as its path says.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod handler;
#[cfg(target_arch = "wasm32")]
mod key_value;
