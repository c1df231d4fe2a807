//! The file that grants capabilities on the target that is built for: what to write there is part of each error.

#[cfg(any(not(all(target_family = "wasm", target_os = "unknown")), test))]
pub(crate) mod spin;
#[cfg(any(all(target_family = "wasm", target_os = "unknown"), test))]
pub(crate) mod wrangler;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use spin as grant;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use wrangler as grant;
