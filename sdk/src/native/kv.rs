//! Key-value stores in memory, one per label.

use crate::kv::Error;
use crate::testing::installed;

pub(crate) struct Store {
    label: String,
}

impl Store {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        Ok(Self {
            label: label.to_owned(),
        })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(installed().stores.borrow().get(&self.at(key)).cloned())
    }

    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        installed().stores.borrow_mut().insert(self.at(key), value);
        Ok(())
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        installed().stores.borrow_mut().remove(&self.at(key));
        Ok(())
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(installed().stores.borrow().contains_key(&self.at(key)))
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>, Error> {
        let host = installed();
        let stores = host.stores.borrow();
        Ok(stores
            .keys()
            .filter(|(label, _)| *label == self.label)
            .map(|(_, key)| key.clone())
            .collect())
    }

    fn at(&self, key: &str) -> (String, String) {
        (self.label.clone(), key.to_owned())
    }
}
