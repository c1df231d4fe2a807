//! What to write in the file that grants capabilities on the current target. Errors contain it.

#[cfg(any(not(all(target_family = "wasm", target_os = "unknown")), test))]
pub(crate) mod spin;
#[cfg(any(all(target_family = "wasm", target_os = "unknown"), test))]
pub(crate) mod wrangler;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use spin as grant;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use wrangler as grant;
