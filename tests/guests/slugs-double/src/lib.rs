//! `terrace:text/slugs` by a component that tells what it can see.

#[cfg(target_arch = "wasm32")]
mod slugs;
