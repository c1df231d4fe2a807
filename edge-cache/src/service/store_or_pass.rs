//! Stores the response to a forwarded request, or passes it on. Whether it may be stored is in `permission`, incomplete
//! responses are in `store_part`, and the arrival of the content is in `arrival`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, response};
use http_body::Body;

use super::Cache;
use super::answer::Answer;
use super::arrival::{Arrival, ArrivalEnd, Excess};
use super::body::CacheBody;
use super::bypass_memory::Finding;
use super::forwarding::Forwarding;
use super::keyed_request::KeyedRequest;
use super::second_level::LevelLookup;
use super::tasks::{StoreTarget, Storing, Tasks};
use crate::collapse::CollapseEnd;
use crate::content::Content;
use crate::rules::cache_status::CacheStatus;
use crate::rules::key::CacheKey;
use crate::rules::storing::Storable;
use crate::rules::{accept_encoding, age, conditional, fields};
use crate::store::{Put, compact_fields};
use crate::stored_response::{Representation, StoredResponse};

impl Cache {
    /// Stores a response if it may be, and answers with it.
    pub(super) async fn store_or_pass<B>(
        &self,
        mut forwarding: Forwarding,
        response: Response<B>,
    ) -> Answer<B>
    where
        B: Body<Data = Bytes>,
    {
        let status = forwarding.status().forward_status(response.status());
        if forwarding.keyed.head.method == Method::HEAD {
            self.learn_from_head(&forwarding, &response);
            return self.pass(response, status);
        }
        let (head, body) = response.into_parts();
        let storable = match self.may_store(&forwarding, &head, &body) {
            Ok(storable) => storable,
            Err(reason) => {
                let response = Response::from_parts(head, body);
                forwarding.share(CollapseEnd::NotShared);
                if reason.is_lasting() && forwarding.keyed.may_share() {
                    self.remember_uncacheable(&forwarding);
                }
                let status = status.detail(reason.as_str());
                return self.pass_conditionally(&forwarding, response, status);
            }
        };
        let length_is_known = body.size_hint().exact().is_some();
        self.forget_uncacheable(&forwarding.keyed, length_is_known);
        // A 206 that is stored as part of a 200.
        if head.status != storable.status {
            return self
                .store_part(forwarding, head, body, storable, status)
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
        let (keyed, now) = (&forwarding.keyed, forwarding.response_time);
        self.bypass_memory.remember(&keyed.key, Finding::Head, now);
        if let Some(route) = &keyed.route {
            self.bypass_memory.remember(route, Finding::Head, now);
        }
    }

    /// Remembers a URL whose content became too large, so that requests for it no longer collapse.
    pub(super) fn remember_excess(&self, key: &CacheKey, end: ArrivalEnd) {
        if end == ArrivalEnd::NotStored(Excess::TooLarge) {
            self.bypass_memory
                .remember(key, Finding::TooLarge, self.clock.now());
        }
    }

    fn forget_uncacheable(&self, keyed: &KeyedRequest, length_is_known: bool) {
        self.bypass_memory.forget(&keyed.key, length_is_known);
        if let Some(route) = &keyed.route {
            self.bypass_memory.forget(route, length_is_known);
        }
    }

    pub(super) fn arrival<B: Body<Data = Bytes>>(
        &self,
        forwarding: &Forwarding,
        body: B,
        beginning: impl Iterator<Item = Bytes>,
    ) -> (Arrival<B>, Arc<Content>) {
        let capacity = self.store.max_content_bytes();
        let needs_reader = forwarding.keyed.has_client;
        Arrival::new(body, beginning, capacity, &self.arriving, needs_reader)
    }

    /// Stores a response, shares it with the followers, and answers with it and its own `fields`, while its content
    /// arrives.
    pub(super) async fn store_arriving<B>(
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
        let mut stored = Arc::new(stored);
        // Content without a reader would not be kept. The answer gets its own reader below.
        let first_reader = stored.reader(&(0..u64::MAX));
        // Most content is complete by now, and is then weighed only once.
        let arrived = arrival.take_what_is_there().await;
        // Fields seldom say the length, so short text is recognised only now.
        if let Some(stored) = Arc::get_mut(&mut stored) {
            stored.is_compressible &= !stored.is_short();
        }
        let key = forwarding.keyed.key.clone();
        if let Ok(end) = arrived {
            self.remember_excess(&key, end);
        }
        let put = match arrived {
            Ok(ArrivalEnd::Broken | ArrivalEnd::NotStored(_)) => Put::Absent,
            Ok(ArrivalEnd::Complete) | Err(_) => self.store.put(&key, &stored, forwarding.since),
        };
        let status = status.stored(put == Put::Stored);
        let now = forwarding.response_time;
        let mut answer = self.respond_with(fields, &forwarding.keyed, &stored, status, now);
        drop(first_reader);
        let level = match put {
            // A second level has room for what memory has none for.
            Put::Stored | Put::NotAdmitted => forwarding.level,
            Put::Invalidated | Put::TooLarge | Put::Absent => LevelLookup::None,
        };
        match arrived {
            Ok(_) => answer.tasks.level_put = level.put_for(&key, &stored),
            Err(arrival) => {
                let response = Arc::clone(&stored);
                let target = StoreTarget::Whole {
                    key,
                    response,
                    level,
                };
                answer.tasks.storing = Some(Box::new(Storing { arrival, target }));
            }
        }
        forwarding.share_if_fresh(&stored);
        answer
    }

    /// Passes a response on that is not stored.
    pub(super) fn pass<B>(&self, response: Response<B>, status: CacheStatus) -> Answer<B> {
        let (mut head, body) = response.into_parts();
        fields::remove_hop_by_hop(&mut head.headers);
        status.add_to(&mut head.headers, self.config.name);
        let body = CacheBody::forwarded(body);
        Answer {
            response: Response::from_parts(head, body),
            status,
            tasks: Tasks::default(),
            told: None,
        }
    }

    /// Passes on a response to a request that was forwarded without its preconditions, and applies them to it.
    fn pass_conditionally<B>(
        &self,
        forwarding: &Forwarding,
        response: Response<B>,
        status: CacheStatus,
    ) -> Answer<B> {
        let preconditions = &forwarding.keyed.head.headers;
        let not_modified = response.status() == StatusCode::OK
            && conditional::is_not_modified(
                preconditions,
                response.headers(),
                forwarding.response_time.wall,
            );
        let mut answer = self.pass(response, status);
        if not_modified {
            *answer.response.status_mut() = StatusCode::NOT_MODIFIED;
            conditional::keep_fields_of_not_modified(answer.response.headers_mut());
            *answer.response.body_mut() = CacheBody::empty();
        }
        answer
    }

    /// The response as it is stored, and a copy of its fields for the answer.
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
