//! Key-value stores: keys are text, values are bytes, and one file, or one server, has all stores of an app.
//! The capability that binds a guest to a store owns grants, labels and the guest's interfaces.
//!
//! [`Stores`] and [`Store`] are the interface. Each engine is a file behind them, and one arm in their matches.
//!
//! ```
//! # use std::time::{Duration, Instant};
//! # use storage::kv::Stores;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kv.db");
//! # let deadline = Instant::now() + Duration::from_secs(5);
//! let stores = Stores::open_sqlite(&path, Default::default())?;
//! let store = stores.store("default");
//! store.set("colour", b"blue".to_vec(), deadline).await?;
//! assert_eq!(store.get("colour", deadline).await?.as_deref(), Some(&b"blue"[..]));
//! # Ok(())
//! # }
//! ```

mod error;
mod limits;
mod many;
mod redis;
mod sqlite;
mod store;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use limits::{KEYS_AT_ONCE, MAX_KEY_BYTES, MAX_KEYS_BYTES, MAX_VALUE_BYTES, MAX_VALUES_BYTES};
pub use store::{Store, Stores};
