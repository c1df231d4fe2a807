//! What becomes of a response that was forwarded: stored if it may be, joined with what is stored already, or passed on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header, response};
use http_body::Body;

use super::arrival::{Arrival, ArrivalEnd, Excess};
use super::forward::Forwarding;
use super::lookup::Asking;
use super::second_level::LevelAsked;
use super::tasks::{ArrivingPart, Sink, Storing};
use super::uncacheable::Finding;
use super::{Answer, Cache, CacheBody, Tasks};
use crate::collapse::FlightEnd;
use crate::content::Content;
use crate::rules::cache_status::CacheStatus;
use crate::rules::key::CacheKey;
use crate::rules::storing::Storable;
use crate::rules::vary::VaryKey;
use crate::rules::{accept_encoding, age, conditional, fields, range};
use crate::store::{Put, compact_fields};
use crate::stored_response::{Representation, StoredResponse};

impl Cache {
    /// Stores a response if it may be, and answers with it.
    pub(super) async fn take_in<B>(
        &self,
        mut forwarding: Forwarding,
        response: Response<B>,
    ) -> Answer<B>
    where
        B: Body<Data = Bytes>,
    {
        let status = forwarding.status().forward_status(response.status());
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
                    self.remember_uncacheable(&forwarding);
                }
                let status = status.detail(reason.as_str());
                return self.forwarded_as_asked(&forwarding, response, status);
            }
        };
        let length_is_known = body.size_hint().exact().is_some();
        self.forget_uncacheable(&forwarding.asking, length_is_known);
        // A part of nothing that is known in full is the answer to the same question only.
        if head.status != storable.status {
            return self
                .take_part(forwarding, head, body, storable, status)
                .await;
        }
        let own = fields::excluded_fields(&head.headers, &storable.excluded);
        let (arrival, content) = self.arrival(&forwarding, body, std::iter::empty());
        let whole = Representation::Whole(content);
        let (stored, fields) = self.stored_response(&forwarding, head, storable, whole);
        let mut answer = self
            .store_arriving(forwarding, stored, fields, arrival, status)
            .await;
        answer.response.headers_mut().extend(own);
        answer
    }

    fn remember_uncacheable(&self, forwarding: &Forwarding) {
        let (asking, now) = (&forwarding.asking, forwarding.response_time);
        self.uncacheable.remember(&asking.key, Finding::Head, now);
        if let Some(route) = &asking.route {
            self.uncacheable.remember(route, Finding::Head, now);
        }
    }

    /// Remembers content that turned out too large, so that it is not fetched for several at once again.
    pub(super) fn remember_excess(&self, key: &CacheKey, end: ArrivalEnd) {
        if end == ArrivalEnd::NotStored(Excess::TooLarge) {
            self.uncacheable
                .remember(key, Finding::TooLarge, self.clock.now());
        }
    }

    fn forget_uncacheable(&self, asking: &Asking, length_is_known: bool) {
        self.uncacheable.forget(&asking.key, length_is_known);
        if let Some(route) = &asking.route {
            self.uncacheable.forget(route, length_is_known);
        }
    }

    fn arrival<B: Body<Data = Bytes>>(
        &self,
        forwarding: &Forwarding,
        body: B,
        beginning: impl Iterator<Item = Bytes>,
    ) -> (Arrival<B>, Arc<Content>) {
        let capacity = self.store.max_content_bytes();
        let needs_reader = forwarding.asking.has_client;
        Arrival::new(body, beginning, capacity, &self.arriving, needs_reader)
    }

    /// Puts a response into the store, tells those who wait for it, and answers with it, and with its own fields, while its
    /// content arrives.
    async fn store_arriving<B>(
        &self,
        mut forwarding: Forwarding,
        stored: StoredResponse,
        fields: HeaderMap,
        arrival: Arrival<B>,
        status: CacheStatus,
    ) -> Answer<B>
    where
        B: Body<Data = Bytes>,
    {
        let stored = Arc::new(stored);
        // Keeps all of the content for the response, which gets a reader of its own below.
        let first_reader = stored.reader(&(0..u64::MAX));
        // Most content is there as a whole, and then it is weighed once.
        let arrived = arrival.take_what_is_there().await;
        let key = forwarding.asking.key.clone();
        if let Ok(end) = arrived {
            self.remember_excess(&key, end);
        }
        let is_stored = !matches!(arrived, Ok(ArrivalEnd::Broken | ArrivalEnd::NotStored(_)))
            && self.store.put(&key, &stored, forwarding.since) == Put::Stored;
        let status = status.stored(is_stored);
        let now = forwarding.response_time;
        let mut answer = self.respond_with(fields, &forwarding.asking, &stored, status, now);
        drop(first_reader);
        let level = if is_stored {
            forwarding.level
        } else {
            LevelAsked::No
        };
        match arrived {
            Ok(_) => answer.tasks.sharing = level.sharing(&key, &stored),
            Err(arrival) => {
                let response = Arc::clone(&stored);
                let sink = Sink::Whole {
                    key,
                    response,
                    level,
                };
                answer.tasks.storing = Some(Box::new(Storing { arrival, sink }));
            }
        }
        forwarding.share_if_fresh(&stored);
        answer
    }

    /// Answers with part of a representation, and stores it when it is there (RFC 9111 §3.3).
    async fn take_part<B>(
        &self,
        forwarding: Forwarding,
        mut head: response::Parts,
        body: B,
        storable: Storable,
        status: CacheStatus,
    ) -> Answer<B>
    where
        B: Body<Data = Bytes>,
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
            response: self
                .stored_response(&forwarding, head.clone(), storable, representation)
                .0,
            range,
            same_range,
            since: forwarding.since,
            level: forwarding.level,
        }));
        let mut tasks = Tasks::default();
        match arrival.take_what_is_there().await {
            Ok(end) => tasks.sharing = self.settle(sink, end),
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
    /// (RFC 9111 §3.4). Returns what is stored.
    pub(super) fn put_part(&self, arrived: ArrivingPart) -> Option<Arc<StoredResponse>> {
        let ArrivingPart {
            key,
            mut response,
            range,
            same_range,
            since,
            ..
        } = arrived;
        let (_, part) = response.part_with(&(range.first..range.first))?;
        let put = if part.length() == Some(range.length()) {
            response.headers.remove(header::CONTENT_RANGE);
            response.headers.remove(header::CONTENT_LENGTH);
            let variants = self.store.get(&key);
            let mut others = variants.iter().flat_map(|variants| variants.iter());
            let same = others.find(|stored| stored.vary == response.vary);
            // A whole that is stored is worth more than a part.
            match same {
                Some(stored) => range::combine(stored, response)?,
                None => response,
            }
        } else {
            // A part that is not what it says it is has no place among others, but is still what the origin answers.
            response.representation = Representation::Whole(Arc::clone(part));
            response.status = StatusCode::PARTIAL_CONTENT;
            response.vary = same_range?;
            response
        };
        let put = Arc::new(put);
        (self.store.put(&key, &put, since) == Put::Stored).then_some(put)
    }

    /// Joins a stored beginning with the rest, which the origin has sent (RFC 9111 §3.4). `Err` if they do not belong
    /// together.
    pub(super) async fn completed<B>(
        &self,
        forwarding: Forwarding,
        response: Response<B>,
        offset: u64,
    ) -> Result<Answer<B>, Box<Forwarding>>
    where
        B: Body<Data = Bytes>,
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
        let status = forwarding.status().forward_status(head.status);
        head.status = StatusCode::OK;
        head.headers = range::whole_headers(&stale, &head.headers);
        let pieces: Vec<Bytes> = beginning.pieces().cloned().collect();
        let (arrival, content) = self.arrival(&forwarding, body, pieces.into_iter());
        let whole = Representation::Whole(content);
        let (stored, fields) = self.stored_response(&forwarding, head, storable, whole);
        Ok(self
            .store_arriving(forwarding, stored, fields, arrival, status)
            .await)
    }

    /// Answers with a response that is not stored. The client's preconditions, which were left out when it was
    /// forwarded, are judged here.
    fn forwarded_as_asked<B>(
        &self,
        forwarding: &Forwarding,
        response: Response<B>,
        status: CacheStatus,
    ) -> Answer<B> {
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

    /// What is kept of a response, and its fields as they came, which are that of what is sent on.
    pub(super) fn stored_response(
        &self,
        forwarding: &Forwarding,
        head: response::Parts,
        storable: Storable,
        representation: Representation,
    ) -> (StoredResponse, HeaderMap) {
        let Forwarding {
            request_time,
            response_time,
            ..
        } = *forwarding;
        let corrected_initial_age =
            age::corrected_initial_age(&head.headers, request_time, response_time);
        let mut fields = fields::stored_fields(head.headers, &storable.excluded, response_time);
        let is_compressible =
            self.config.compression && accept_encoding::is_compressible(&fields, &storable.policy);
        if is_compressible {
            accept_encoding::vary_on_coding(&mut fields);
        }
        let stored = StoredResponse {
            status: storable.status,
            groups: storable.groups,
            vary: storable.vary,
            policy: storable.policy,
            headers: compact_fields(&fields),
            request_time,
            response_time,
            corrected_initial_age,
            representation,
            is_compressible,
            renditions: Arc::default(),
            purged: AtomicBool::new(false),
        };
        (stored, fields)
    }
}
