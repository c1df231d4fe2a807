//! Calls for many keys. Each key is a call of its own to the engine, some at the same time; all together are not atomic.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};

use super::error::Error;
use super::limits::{KEYS_AT_ONCE, MAX_VALUES_BYTES};
use super::store::Store;

impl Store {
    /// The values of many keys in the order of the keys; `None` for one that does not exist.
    ///
    /// # Errors
    ///
    /// See [`Error`]. It is an error if the values need more memory than [`MAX_VALUES_BYTES`].
    pub async fn get_many(
        &self,
        keys: &[String],
        deadline: Instant,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let gets = keys.iter().cloned();
        let gets = gets.map(async |key| self.get(&key, deadline).await);
        let (mut values, mut bytes) = (Vec::new(), 0);
        let mut gets = stream::iter(gets).buffered(KEYS_AT_ONCE);
        while let Some(value) = gets.try_next().await? {
            bytes += value.as_ref().map_or(0, Vec::len);
            if bytes > MAX_VALUES_BYTES {
                return Err(Error::TooManyValues);
            }
            values.push(value);
        }
        Ok(values)
    }

    /// Sets the values of many keys. Of several values for one key the last counts. If one fails, others may have been set.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn set_many(
        &self,
        values: Vec<(String, Vec<u8>)>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let values: BTreeMap<_, _> = values.into_iter().collect();
        let sets = values
            .into_iter()
            .map(async |(key, value)| self.set(&key, value, deadline).await);
        let sets = stream::iter(sets).buffered(KEYS_AT_ONCE);
        sets.try_collect().await
    }

    /// Removes many keys. If one fails, others may have been removed.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete_many(&self, keys: &[String], deadline: Instant) -> Result<(), Error> {
        let deletes = keys.iter().cloned();
        let deletes = deletes.map(async |key| self.delete(&key, deadline).await);
        let deletes = stream::iter(deletes).buffered(KEYS_AT_ONCE);
        deletes.try_collect().await
    }
}
