//! Gives clients their bookmarks and takes them back: for the log that servers share, and for the databases with replicas. How one is
//! written is left to `bookmark`.

use std::sync::Arc;

use edge_cache::Told;
use futures::future::LocalBoxFuture;
use http::{HeaderMap, Request};
use storage::sql::Needs;

use super::bookmark::{Bookmark, Secret};
use super::{EdgeCache, SharedCache};
use crate::state::State;

/// The bookmarks of a server's clients.
#[derive(Clone)]
pub(super) struct Bookmarks {
    shared: Option<SharedCache>,
    /// The databases of this server.
    state: Arc<State>,
}

impl Bookmarks {
    pub(super) fn new(cache: Option<&EdgeCache>, state: Arc<State>) -> Self {
        Self {
            shared: cache.and_then(|cache| cache.1.clone()),
            state,
        }
    }

    /// The key; `None` if there is nothing that could lag behind.
    fn secret(&self) -> Option<Secret> {
        match &self.shared {
            Some(shared) => shared.secret(),
            None => self.state.common_secret(),
        }
    }

    /// Removes the bookmark of a request, and keeps it beside the request. If that reads, and has one, the future gives whether this
    /// server's cache lags behind it.
    pub(super) fn take<B>(
        &self,
        request: &mut Request<B>,
    ) -> Option<LocalBoxFuture<'static, bool>> {
        let bookmark = Bookmark::take_from_request(request.headers_mut(), &self.secret()?)?;
        request.extensions_mut().insert(bookmark.clone());
        let shared = self.shared.clone().filter(|_| !bookmark.has_no_log())?;
        if !request.method().is_safe() {
            return None;
        }
        Some(Box::pin(async move { !shared.reaches(&bookmark).await }))
    }

    /// What a request must see that only reads, if there are replicas: the writes of its client, and if its response may be `stored`,
    /// those of all clients as far as this server has heard of them.
    pub(super) fn needs<B>(&self, request: &Request<B>, is_stored: bool) -> Option<Arc<Needs>> {
        if !self.state.has_replicas() || !request.method().is_safe() {
            return None;
        }
        let bookmark = request.extensions().get::<Bookmark>();
        let mut positions = bookmark.map(|bookmark| bookmark.positions().clone());
        if is_stored {
            let known = self.state.written();
            positions = Some(positions.unwrap_or_default().and(&known));
            if let Some(shared) = &self.shared {
                positions = positions.map(|known| known.and(&shared.floor()));
            }
        }
        Some(Arc::new(Needs::new(positions.unwrap_or_default())))
    }

    /// Has the origin of a request answer with nothing older than what its client knows, and this server.
    pub(super) fn tell_origin<B>(&self, request: &mut Request<B>, is_stored: bool) {
        let Some(secret) = self.secret() else {
            return;
        };
        let shared = self.shared.as_ref();
        let own = shared.and_then(|shared| shared.own_bookmark(is_stored));
        let of_client = request.extensions().get::<Bookmark>().cloned();
        if let Some(bookmark) = [own, of_client].into_iter().flatten().reduce(Bookmark::and) {
            bookmark.add_to_request(request.headers_mut(), &secret);
        }
    }

    /// Removes the bookmark that an origin gave.
    pub(super) fn take_from_origin(&self, headers: &mut HeaderMap) -> Option<Bookmark> {
        Bookmark::take_from_response(headers, &self.secret()?)
    }

    /// Gives the client of a change its bookmark: for what the shared level was told, the databases, and the origin's.
    pub(super) fn give(
        &self,
        headers: &mut HeaderMap,
        told: Option<Told>,
        of_origin: Option<Bookmark>,
        earlier: Option<Bookmark>,
    ) {
        let Some(secret) = self.secret() else {
            return;
        };
        let written = self.state.written();
        let own = match told {
            Some(told) => Some(Bookmark::of(told, written)),
            None if written.is_empty() => None,
            None => Some(Bookmark::without_log(written)),
        };
        if let Some(bookmark) = [own, of_origin].into_iter().flatten().reduce(Bookmark::and) {
            bookmark.after(earlier).add_to_response(headers, &secret);
        }
    }
}
