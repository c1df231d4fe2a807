//! Incomplete responses: parts are stored (RFC 9111 §3.3), combined with others, and completed (§3.4).

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, header, response};
use http_body::Body;

use super::Cache;
use super::answer::Answer;
use super::body::CacheBody;
use super::forwarding::Forwarding;
use super::tasks::{ArrivingPart, StoreTarget, Storing, Tasks};
use crate::rules::cache_status::CacheStatus;
use crate::rules::storing::Storable;
use crate::rules::vary::VaryKey;
use crate::rules::{fields, range};
use crate::store::Put;
use crate::stored_response::{Representation, StoredResponse};

impl Cache {
    /// Answers with a part, and stores it when it has arrived (RFC 9111 §3.3).
    pub(super) async fn store_part<B>(
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
            return self.pass(Response::from_parts(head, body), status);
        };
        let asked = &forwarding.keyed.head.headers;
        let same_range = VaryKey::of_same_range(asked, &head.headers);
        let (arrival, content) = self.arrival(&forwarding, body, std::iter::empty());
        let reader = content
            .reader(0..u64::MAX)
            .expect("nothing has been dropped yet");
        let representation = Representation::Parts {
            complete_length: range.complete_length,
            parts: [(range.first, content)].into(),
        };
        let target = StoreTarget::Part(Box::new(ArrivingPart {
            key: forwarding.keyed.key.clone(),
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
            Ok(end) => tasks.level_put = self.settle(target, end),
            Err(arrival) => tasks.storing = Some(Box::new(Storing { arrival, target })),
        }
        let status = status.stored(true);
        fields::remove_hop_by_hop(&mut head.headers);
        status.add_to(&mut head.headers, self.config.name);
        Answer {
            response: Response::from_parts(head, CacheBody::stored(reader)),
            status,
            tasks,
            told: None,
        }
    }

    /// Stores a part that has arrived, combined with the stored parts of the same representation (RFC 9111 §3.4). Returns
    /// the stored response.
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
            // A complete stored response stays.
            match same {
                Some(stored) => range::combine(stored, response)?,
                None => response,
            }
        } else {
            // A part of another length than it says can't be combined. It still answers the same range request.
            response.representation = Representation::Whole(Arc::clone(part));
            response.status = StatusCode::PARTIAL_CONTENT;
            response.vary = same_range?;
            response
        };
        let put = Arc::new(put);
        (self.store.put(&key, &put, since) == Put::Stored).then_some(put)
    }

    /// Combines a stored beginning with the rest, which the origin sends (RFC 9111 §3.4). `Err` if they can't be combined.
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
}
