//! What becomes of a response that was forwarded: stored if it may be, joined with what is stored already, or passed on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header, response};
use http_body::Body;

use super::arrival::Arrival;
use super::forward::Forwarding;
use super::tasks::{ArrivingPart, Sink, Storing};
use super::{Answer, Cache, CacheBody, ForwardError, StoreOverride, Tasks};
use crate::collapse::FlightEnd;
use crate::content::Content;
use crate::rules::cache_status::CacheStatus;
use crate::rules::storing::{self, NoStoreReason, Storable};
use crate::rules::vary::VaryKey;
use crate::rules::{accept_encoding, age, conditional, fields, groups, range, validation};
use crate::store::{Put, compact_fields};
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
        let (head, body) = response.into_parts();
        let storable = match self.may_store(&forwarding, &head, &body) {
            Ok(storable) => storable,
            Err(reason) => {
                let response = Response::from_parts(head, body);
                forwarding.share(FlightEnd::NotShared);
                if reason.is_lasting() && forwarding.asking.may_share() {
                    let key = &forwarding.asking.key;
                    self.uncacheable.remember(key, forwarding.response_time);
                }
                let status = status.detail(reason.as_str());
                return self.forwarded_as_asked(&forwarding, response, status);
            }
        };
        self.uncacheable.forget(&forwarding.asking.key);
        // A part of nothing that is known in full is the answer to the same question only.
        if head.status != storable.status {
            return self
                .take_part(forwarding, head, body, storable, status)
                .await;
        }
        let own = fields::excluded_fields(&head.headers, &storable.excluded);
        let (arrival, content) = self.arrival(&forwarding, body, std::iter::empty());
        let whole = Representation::Whole(content);
        let stored = self.stored_response(&forwarding, head, storable, whole);
        let mut answer = self
            .store_arriving(forwarding, stored, arrival, status)
            .await;
        answer.response.headers_mut().extend(own);
        answer
    }

    fn may_store<B: Body>(
        &self,
        forwarding: &Forwarding<E>,
        head: &response::Parts,
        body: &B,
    ) -> Result<Storable, NoStoreReason> {
        let too_large = body.size_hint().lower() > self.store.max_content_bytes();
        if too_large || head.extensions.get::<StoreOverride>().is_some() {
            return Err(NoStoreReason::NotWanted);
        }
        storing::may_store(
            &forwarding.asking.head,
            head,
            &self.config.target_list,
            &self.config.negative_caching,
            forwarding.response_time,
        )
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
        let put = self.store.put(&key, &stored, forwarding.since);
        let status = status.stored(put == Put::Stored);
        let now = forwarding.response_time;
        // The first reader is there before the arrival looks for one.
        let mut answer = self.respond(&forwarding.asking, &stored, status, now);
        let sink = Sink::Whole {
            key,
            response: Arc::clone(&stored),
        };
        match arrival.take_what_is_there().await {
            Ok(end) => self.settle(sink, end),
            Err(arrival) => answer.tasks.storing = Some(Box::new(Storing { arrival, sink })),
        }
        forwarding.share_if_fresh(&stored);
        answer
    }

    /// Answers with part of a representation, and stores it when it is there (RFC 9111 §3.3).
    async fn take_part<B>(
        &self,
        forwarding: Forwarding<E>,
        mut head: response::Parts,
        body: B,
        storable: Storable,
        status: CacheStatus,
    ) -> Answer<B, E>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let Some(range) = range::content_range(&head.headers) else {
            return self.forwarded(Response::from_parts(head, body), status);
        };
        let asked = &forwarding.asking.head.headers;
        let same_range = VaryKey::of_same_range(asked, &head.headers);
        let (arrival, content) = self.arrival(&forwarding, body, std::iter::empty());
        let reader = content
            .reader(0..u64::MAX)
            .expect("nothing has been dropped yet");
        let representation = Representation::Parts {
            complete_length: range.complete_length,
            parts: [(range.first, content)].into(),
        };
        let sink = Sink::Part(Box::new(ArrivingPart {
            key: forwarding.asking.key.clone(),
            response: self.stored_response(&forwarding, head.clone(), storable, representation),
            range,
            same_range,
            since: forwarding.since,
        }));
        let mut tasks = Tasks::default();
        match arrival.take_what_is_there().await {
            Ok(end) => self.settle(sink, end),
            Err(arrival) => tasks.storing = Some(Box::new(Storing { arrival, sink })),
        }
        let status = status.stored(true);
        fields::remove_hop_by_hop(&mut head.headers);
        status.add_to(&mut head.headers, self.config.name);
        Answer {
            response: Response::from_parts(head, CacheBody::stored(reader)),
            status,
            tasks,
        }
    }

    /// Stores a part that is there, together with the parts of the same representation that are stored already
    /// (RFC 9111 §3.4).
    pub(super) fn put_part(&self, arrived: ArrivingPart) {
        let ArrivingPart {
            key,
            mut response,
            range,
            same_range,
            since,
        } = arrived;
        let Some((_, part)) = response.part_with(&(range.first..range.first)) else {
            return;
        };
        if part.length() == Some(range.length()) {
            response.headers.remove(header::CONTENT_RANGE);
            response.headers.remove(header::CONTENT_LENGTH);
            let variants = self.store.get(&key);
            let mut others = variants.iter().flat_map(|variants| variants.iter());
            let same = others.find(|stored| stored.vary == response.vary);
            let joined = match same {
                Some(stored) => range::combine(stored, response),
                None => Some(response),
            };
            // A whole that is stored is worth more than a part.
            if let Some(joined) = joined {
                self.store.put(&key, &Arc::new(joined), since);
            }
        } else if let Some(vary) = same_range {
            // A part that is not what it says it is has no place among others, but is still what the origin answers.
            response.representation = Representation::Whole(Arc::clone(part));
            response.status = StatusCode::PARTIAL_CONTENT;
            response.vary = vary;
            self.store.put(&key, &Arc::new(response), since);
        }
    }

    /// Joins a stored beginning with the rest, which the origin has sent (RFC 9111 §3.4). `Err` if they do not belong
    /// together.
    pub(super) async fn completed<B>(
        &self,
        forwarding: Forwarding<E>,
        response: Response<B>,
        offset: u64,
    ) -> Result<Answer<B, E>, Box<Forwarding<E>>>
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let Some(stale) = forwarding.stale.clone() else {
            return Err(Box::new(forwarding));
        };
        let Some(beginning) = range::beginning_that_fits(&stale, response.headers(), offset) else {
            return Err(Box::new(forwarding));
        };
        let (mut head, body) = response.into_parts();
        let Ok(storable) = self.may_store(&forwarding, &head, &body) else {
            return Err(Box::new(forwarding));
        };
        let status = CacheStatus::forwarded(forwarding.reason).forward_status(head.status);
        head.status = StatusCode::OK;
        head.headers = range::whole_headers(&stale, &head.headers);
        let pieces: Vec<Bytes> = beginning.pieces().cloned().collect();
        let (arrival, content) = self.arrival(&forwarding, body, pieces.into_iter());
        let whole = Representation::Whole(content);
        let stored = self.stored_response(&forwarding, head, storable, whole);
        Ok(self
            .store_arriving(forwarding, stored, arrival, status)
            .await)
    }

    /// Answers with a stored response that the origin has found to be good (RFC 9111 §4.3.4). `Err` if the origin meant
    /// another.
    pub(super) fn validated<B>(
        &self,
        mut forwarding: Forwarding<E>,
        response: Response<B>,
    ) -> Result<Answer<B, E>, Box<Forwarding<E>>> {
        let (head, _) = response.into_parts();
        let stale = forwarding.stale.as_ref();
        let Some(stale) =
            stale.filter(|stale| validation::is_selected(&stale.headers, &head.headers))
        else {
            return Err(Box::new(forwarding));
        };
        let freshened = self.freshened(&forwarding, stale, &head.headers);
        let status = CacheStatus::forwarded(forwarding.reason)
            .forward_status(head.status)
            .stored(freshened.is_kept);
        if freshened.is_kept {
            forwarding.share_if_fresh(&freshened.response);
        } else {
            forwarding.share(FlightEnd::NotShared);
        }
        let now = forwarding.response_time;
        let mut answer = self.respond(&forwarding.asking, &freshened.response, status, now);
        answer.response.headers_mut().extend(freshened.own);
        Ok(answer)
    }

    /// The stored response with the fields of a newer one, and its age. It takes the place of the stored one, unless the
    /// newer one forbids that.
    fn freshened(
        &self,
        forwarding: &Forwarding<E>,
        stored: &Arc<StoredResponse>,
        newer: &HeaderMap,
    ) -> Freshened {
        let freshened = storing::freshened(
            &forwarding.asking.head,
            stored,
            newer,
            &self.config.target_list,
            &self.config.negative_caching,
            forwarding.response_time,
        );
        let own = fields::excluded_fields(newer, &freshened.storable.excluded);
        let mut head = response::Response::new(()).into_parts().0;
        head.headers = freshened.headers;
        let representation = stored.representation.clone();
        let mut response =
            self.stored_response(forwarding, head, freshened.storable, representation);
        response.renditions = Arc::clone(&stored.renditions);
        let response = Arc::new(response);
        let key = &forwarding.asking.key;
        let is_kept = freshened.may_keep.is_ok();
        if is_kept {
            self.store.replace(key, stored, &response, forwarding.since);
        } else {
            self.store.remove(key, stored);
        }
        Freshened {
            response,
            own,
            is_kept,
        }
    }

    /// A response to `HEAD` freshens what is stored, or shows that it is outdated (RFC 9111 §4.3.5).
    fn learn_from_head<B>(&self, forwarding: &Forwarding<E>, response: &Response<B>) {
        let Some(stored) = &forwarding.stale else {
            return;
        };
        if response.status() != StatusCode::OK {
            return;
        }
        if validation::head_freshens(&stored.headers, response.headers()) {
            self.freshened(forwarding, stored, response.headers());
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
            && conditional::is_not_modified(
                preconditions,
                response.headers(),
                forwarding.response_time.wall,
            );
        let mut answer = self.forwarded(response, status);
        if not_modified {
            *answer.response.status_mut() = StatusCode::NOT_MODIFIED;
            conditional::keep_fields_of_not_modified(answer.response.headers_mut());
            *answer.response.body_mut() = CacheBody::empty();
        }
        answer
    }
}

/// A stored response with the fields of a newer one.
struct Freshened {
    response: Arc<StoredResponse>,
    /// The fields of the newer one that are for its own recipient only.
    own: HeaderMap,
    /// Whether it is stored.
    is_kept: bool,
}

impl<E: ForwardError> Cache<E> {
    /// What is kept of a response.
    fn stored_response(
        &self,
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
        let corrected_initial_age =
            age::corrected_initial_age(&head.headers, request_time, response_time);
        let mut headers = fields::stored_fields(head.headers, &storable.excluded, response_time);
        let is_compressible =
            self.config.compression && accept_encoding::is_compressible(&headers, &storable.policy);
        if is_compressible {
            accept_encoding::vary_on_coding(&mut headers);
        }
        let headers = compact_fields(&headers);
        StoredResponse {
            status: storable.status,
            groups: groups::groups(&headers),
            vary: storable.vary,
            policy: storable.policy,
            headers,
            request_time,
            response_time,
            corrected_initial_age,
            representation,
            is_compressible,
            renditions: Arc::default(),
            purged: AtomicBool::new(false),
        }
    }
}
