//! Key-value stores, on SQLite: text keys, values of bytes, one file for all the stores of an app.
//! Grants, labels and the interfaces of guests are left to the capability that binds a guest to a store.
//!
//! ```
//! # use std::time::{Duration, Instant};
//! # use terrace_runtime::kv::Stores;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kv.db");
//! # let deadline = Instant::now() + Duration::from_secs(5);
//! let stores = Stores::open(&path, Default::default(), deadline).await?;
//! let store = stores.store("default");
//! store.set("colour", b"blue".to_vec(), deadline).await?;
//! assert_eq!(store.get("colour", deadline).await?.as_deref(), Some(&b"blue"[..]));
//! # Ok(())
//! # }
//! ```

mod error;
mod limits;
mod store;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use limits::*;
pub use store::{Store, Stores};
