//! The responses that are stored under one key.

use std::ops::Deref;
use std::sync::Arc;

use crate::StoredResponse;

/// The responses that are stored under one key, newest first; there is at least one. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Variants(Held);

/// Nearly all keys have one variant, which needs no list.
#[derive(Clone, Debug)]
enum Held {
    One(Arc<StoredResponse>),
    Several(Arc<[Arc<StoredResponse>]>),
}

impl Variants {
    pub(super) fn one(response: Arc<StoredResponse>) -> Self {
        Self(Held::One(response))
    }

    fn collected(responses: Vec<Arc<StoredResponse>>) -> Option<Self> {
        match responses.as_slice() {
            [] => None,
            [one] => Some(Self::one(Arc::clone(one))),
            _ => Some(Self(Held::Several(responses.into()))),
        }
    }

    /// These with one more, in the place of the variant with an equal key. The oldest is left out if there are more than `max`.
    pub(super) fn with(&self, response: &Arc<StoredResponse>, max: usize) -> Self {
        let others = self.iter().filter(|stored| stored.vary != response.vary);
        let all = std::iter::once(response).chain(others).take(max.max(1));
        Self::collected(all.cloned().collect()).unwrap_or_else(|| Self::one(Arc::clone(response)))
    }

    /// These with `new` in the place of `old`; `None` if `old` is not among them.
    pub(super) fn replacing(
        &self,
        old: &Arc<StoredResponse>,
        new: &Arc<StoredResponse>,
    ) -> Option<Self> {
        let rest: Vec<_> = self
            .iter()
            .filter(|stored| !Arc::ptr_eq(stored, old))
            .collect();
        if rest.len() == self.len() {
            return None;
        }
        let rest = rest.into_iter().filter(|stored| stored.vary != new.vary);
        Self::collected(std::iter::once(new).chain(rest).cloned().collect())
    }

    /// Those for which `keep` holds; `None` if there are none.
    pub(super) fn retaining(&self, keep: impl Fn(&Arc<StoredResponse>) -> bool) -> Option<Self> {
        Self::collected(self.iter().filter(|stored| keep(stored)).cloned().collect())
    }

    /// Whether they are in a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.0, Held::Several(_))
    }
}

impl Deref for Variants {
    type Target = [Arc<StoredResponse>];

    fn deref(&self) -> &Self::Target {
        match &self.0 {
            Held::One(response) => std::slice::from_ref(response),
            Held::Several(responses) => responses,
        }
    }
}
