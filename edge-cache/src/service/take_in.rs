//! What becomes of a response that was forwarded: stored if it may be, joined with what is stored already, or passed on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::{Method, Response, StatusCode, response};
use http_body::Body;

use super::arrival::Arrival;
use super::forward::Forwarding;
use super::tasks::{Sink, Storing};
use super::{Answer, Cache, CacheBody, ForwardError};
use crate::collapse::FlightEnd;
use crate::content::Content;
use crate::rules::cache_status::CacheStatus;
use crate::rules::storing::{self, Storable};
use crate::rules::{age, conditional, fields, groups, range, validation};
use crate::stored_response::{Representation, StoredResponse};

impl<E: ForwardError> Cache<E> {
    /// Stores a response if it may be, and answers with it.
    pub(super) async fn take_in<B>(
        &self,
        mut forwarding: Forwarding<E>,
        response: Response<B>,
    ) -> Answer<B, E>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let status = CacheStatus::forwarded(forwarding.reason).forward_status(response.status());
        if forwarding.asking.head.method == Method::HEAD {
            self.learn_from_head(&forwarding, &response);
            return self.forwarded(response, status);
        }
        let storable = match self.may_store(&forwarding, &response) {
            Ok(storable) => storable,
            Err(reason) => {
                forwarding.share(FlightEnd::NotShared);
                if reason.is_lasting() {
                    let key = &forwarding.asking.key;
                    self.uncacheable.remember(key, forwarding.response_time);
                }
                let status = status.detail(reason.as_str());
                return self.forwarded_as_asked(&forwarding, response, status);
            }
        };
        self.uncacheable.forget(&forwarding.asking.key);
        if response.status() == StatusCode::PARTIAL_CONTENT {
            self.take_part(forwarding, response, storable, status).await
        } else {
            self.take_whole(forwarding, response, storable, status).await
        }
    }

    fn may_store<B: Body>(
        &self,
        forwarding: &Forwarding<E>,
        response: &Response<B>,
    ) -> Result<Storable, storing::NoStoreReason> {
        let too_large = response.body().size_hint().lower() > self.store.max_content_bytes();
        if too_large || response.extensions().get::<super::StoreOverride>().is_some() {
            return Err(storing::NoStoreReason::NotWanted);
        }
        storing::may_store(
            &forwarding.asking.head,
            response,
            &self.config.target_list,
            &self.config.negative_caching,
            forwarding.response_time,
        )
    }

    /// Stores a response whose content is complete or will be.
    async fn take_whole<B>(
        &self,
        forwarding: Forwarding<E>,
        response: Response<B>,
        storable: Storable,
        status: CacheStatus,
    ) -> Answer<B, E>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let (head, body) = response.into_parts();
        let nothing = std::iter::empty();
        let (arrival, content) = self.arrival(&forwarding, body, nothing);
        let stored = stored_response(&forwarding, head, storable, Representation::Whole(content));
        self.store_arriving(forwarding, stored, arrival, status).await
    }

    fn arrival<B: Body<Data = Bytes>>(
        &self,
        forwarding: &Forwarding<E>,
        body: B,
        beginning: impl Iterator<Item = Bytes>,
    ) -> (Arrival<B>, Arc<Content>) {
        let capacity = self.store.max_content_bytes();
        let needs_reader = forwarding.asking.has_client;
        Arrival::new(body, beginning, capacity, &self.arriving, needs_reader)
    }

    /// Puts a response into the store, tells those who wait for it, and answers with it while its content arrives.
    async fn store_arriving<B>(
        &self,
        mut forwarding: Forwarding<E>,
        stored: StoredResponse,
        arrival: Arrival<B>,
        status: CacheStatus,
    ) -> Answer<B, E>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let stored = Arc::new(stored);
        let key = forwarding.asking.key.clone();
        let put = self.store.put(&key, Arc::clone(&stored), forwarding.since);
        let status = status.stored(put.is_stored());
        let now = forwarding.response_time;
        // The first reader is there before the arrival looks for one.
        let mut answer = self.respond(&forwarding.asking, &stored, status, now);
        let sink = Sink::Whole {
            key,
            response: Arc::clone(&stored),
        };
        match arrival.take_what_is_there().await {
            Ok(end) => self.settle(sink, end),
            Err(arrival) => answer.tasks.storing = Some(Storing { arrival, sink }),
        }
        forwarding.share_stored(&stored);
        answer
    }

    /// Answers with part of a representation, and stores it when it is there (RFC 9111 §3.3).
    async fn take_part<B>(
        &self,
        forwarding: Forwarding<E>,
        response: Response<B>,
        storable: Storable,
        status: CacheStatus,
    ) -> Answer<B, E>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let (mut head, body) = response.into_parts();
        let Some(part) = range::content_range(&head.headers) else {
            return self.forwarded(Response::from_parts(head, body), status);
        };
        let (arrival, content) = self.arrival(&forwarding, body, std::iter::empty());
        let reader = content.reader(0..u64::MAX).expect("nothing has been dropped yet");
        let representation = Representation::Parts {
            complete_length: part.complete_length,
            parts: [(part.first, content)].into(),
        };
        let sink = Sink::Part {
            key: forwarding.asking.key.clone(),
            response: stored_response(&forwarding, head.clone(), storable, representation),
            length: part.length(),
            since: forwarding.since,
        };
        let mut tasks = super::Tasks::default();
        match arrival.take_what_is_there().await {
            Ok(end) => self.settle(sink, end),
            Err(arrival) => tasks.storing = Some(Storing { arrival, sink }),
        }
        let status = status.stored(true);
        fields::remove_hop_by_hop(&mut head.headers);
        status.add_to(&mut head.headers, self.config.name);
        Answer {
            response: Response::from_parts(head, CacheBody::Stored { reader }),
            status,
            tasks,
        }
    }

    /// Stores a part that is there, together with the parts of the same representation that are stored already
    /// (RFC 9111 §3.4).
    pub(super) fn put_part(
        &self,
        key: &crate::rules::key::CacheKey,
        response: StoredResponse,
        length: u64,
        since: crate::store::Generation,
    ) {
        let Representation::Parts { parts, .. } = &response.representation else {
            return;
        };
        // A part that is not what it says it is belongs nowhere.
        if parts.iter().any(|(_, part)| part.length() != Some(length)) {
            return;
        }
        let variants = self.store.get(key);
        let others = variants.iter().flat_map(|variants| variants.iter());
        let same = others.into_iter().find(|stored| stored.vary == response.vary);
        let joined = match same {
            Some(stored) => match range::combine(stored, response) {
                Some(joined) => joined,
                // A whole that is stored is worth more than a part.
                None => return,
            },
            None => response,
        };
        self.store.put(key, Arc::new(joined), since);
    }

    /// Joins a stored beginning with the rest, which the origin has sent (RFC 9111 §3.4). `Err` if they do not belong
    /// together.
    pub(super) async fn completed<B>(
        &self,
        forwarding: Forwarding<E>,
        response: Response<B>,
        offset: u64,
    ) -> Result<Answer<B, E>, Forwarding<E>>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let Some(stale) = forwarding.stale.clone() else {
            return Err(forwarding);
        };
        let Some(beginning) = range::beginning_that_fits(&stale, response.headers(), offset) else {
            return Err(forwarding);
        };
        let Ok(storable) = self.may_store(&forwarding, &response) else {
            return Err(forwarding);
        };
        let status = CacheStatus::forwarded(forwarding.reason).forward_status(response.status());
        let (mut head, body) = response.into_parts();
        head.status = StatusCode::OK;
        head.headers = range::whole_headers(&stale, &head.headers);
        let pieces: Vec<Bytes> = beginning.pieces().cloned().collect();
        let (arrival, content) = self.arrival(&forwarding, body, pieces.into_iter());
        let stored = stored_response(&forwarding, head, storable, Representation::Whole(content));
        Ok(self.store_arriving(forwarding, stored, arrival, status).await)
    }

    /// Answers with a stored response that the origin has found to be good (RFC 9111 §4.3.4). `Err` if the origin meant
    /// another.
    pub(super) fn validated<B>(
        &self,
        mut forwarding: Forwarding<E>,
        response: Response<B>,
    ) -> Result<Answer<B, E>, Forwarding<E>> {
        let (head, _) = response.into_parts();
        let stale = forwarding.stale.as_ref();
        let Some(stale) = stale.filter(|stale| validation::is_selected(&stale.headers, &head.headers)) else {
            return Err(forwarding);
        };
        let freshened = self.freshened(&forwarding, stale, &head);
        let key = &forwarding.asking.key;
        self.store.replace(key, stale, Arc::clone(&freshened), forwarding.since);
        let status = CacheStatus::forwarded(forwarding.reason)
            .forward_status(head.status)
            .stored(true);
        forwarding.share_stored(&freshened);
        let now = forwarding.response_time;
        Ok(self.respond(&forwarding.asking, &freshened, status, now))
    }

    /// The stored response with the fields of a newer one, and its age.
    fn freshened(
        &self,
        forwarding: &Forwarding<E>,
        stored: &Arc<StoredResponse>,
        head: &response::Parts,
    ) -> Arc<StoredResponse> {
        let headers = validation::freshen(&stored.headers, &head.headers);
        let mut newer = response::Response::new(()).into_parts().0;
        newer.status = stored.status;
        newer.headers = headers;
        let storable = storing::judge(
            &newer,
            &self.config.target_list,
            &self.config.negative_caching,
            forwarding.response_time,
        );
        let mut freshened = stored_response(forwarding, newer, storable, stored.representation.clone());
        freshened.vary = stored.vary.clone();
        freshened.renditions = Arc::clone(&stored.renditions);
        Arc::new(freshened)
    }

    /// A response to `HEAD` freshens what is stored, or shows that it is outdated (RFC 9111 §4.3.5).
    fn learn_from_head<B>(&self, forwarding: &Forwarding<E>, response: &Response<B>) {
        let Some(stored) = &forwarding.stale else { return };
        if response.status() != StatusCode::OK {
            return;
        }
        let key = &forwarding.asking.key;
        if validation::head_freshens(&stored.headers, response.headers()) {
            let mut head = response::Response::new(()).into_parts().0;
            head.status = response.status();
            head.headers = response.headers().clone();
            let freshened = self.freshened(forwarding, stored, &head);
            self.store.replace(key, stored, freshened, forwarding.since);
        } else {
            stored.mark_stale();
        }
    }

    /// Answers with a response that is not stored. The client's preconditions, which were left out when it was
    /// forwarded, are judged here.
    fn forwarded_as_asked<B>(
        &self,
        forwarding: &Forwarding<E>,
        response: Response<B>,
        status: CacheStatus,
    ) -> Answer<B, E> {
        let preconditions = &forwarding.asking.head.headers;
        let not_modified = response.status() == StatusCode::OK
            && conditional::is_not_modified(preconditions, response.headers(), None);
        let mut answer = self.forwarded(response, status);
        if not_modified {
            *answer.response.status_mut() = StatusCode::NOT_MODIFIED;
            conditional::keep_fields_of_not_modified(answer.response.headers_mut());
            *answer.response.body_mut() = CacheBody::Empty;
        }
        answer
    }
}

/// What is kept of a response.
fn stored_response<E>(
    forwarding: &Forwarding<E>,
    head: response::Parts,
    storable: Storable,
    representation: Representation,
) -> StoredResponse {
    let Forwarding {
        request_time,
        response_time,
        ..
    } = *forwarding;
    StoredResponse {
        status: storable.status,
        groups: groups::groups(&head.headers),
        corrected_initial_age: age::corrected_initial_age(&head.headers, request_time, response_time),
        vary: storable.vary,
        policy: storable.policy,
        headers: fields::stored_fields(head.headers, &storable.excluded),
        request_time,
        response_time,
        representation,
        renditions: Arc::default(),
        purged: AtomicBool::new(false),
    }
}

