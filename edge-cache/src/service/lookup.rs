//! The first step of a request: a stored response is a hit, or the request bypasses the cache, or it is to be forwarded.
//! It waits for nothing.

use std::sync::Arc;

use http::{Method, Request, Response};

use super::Cache;
use super::body::CacheBody;
use super::bypass::Bypass;
use super::hit::Decision;
use super::keyed_request::{self, KeyedRequest};
use super::pending::{Action, Pending};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::rules::{conditional, storing};

/// The outcome of a lookup.
pub enum Lookup<Q, B> {
    /// A stored response, with its `Cache-Status` in it.
    Hit(Response<CacheBody<B>>, CacheStatus),
    /// The caller forwards the request unchanged, and shows [`Cache::bypassed`] the response. A bypass spares the copy of
    /// the request head that [`Pending`] needs, which is 25 % of a small function's time.
    Bypass(Bypass, Request<Q>),
    /// The caller calls [`Pending::forward`].
    Forward(Pending<Q, B>),
}

/// The part of the cache in a request, by its method and fields.
#[derive(Debug)]
enum Purpose {
    /// It asks for a representation, which may be stored.
    Read(CacheKey),
    /// It may change the resource, and invalidates stored responses.
    Change(CacheKey),
    /// The cache has no part in it.
    Neither(ForwardReason),
}

impl Cache {
    /// Looks for a stored response that answers a request (RFC 9111 §4).
    pub fn lookup<Q, B>(self: &Arc<Self>, request: Request<Q>) -> Lookup<Q, B> {
        let now = self.clock.now();
        let is_plain = keyed_request::is_plain(&request);
        let key = match Purpose::of(&request, is_plain) {
            Purpose::Read(key) => key,
            Purpose::Change(key) => return self.pending(Action::Change(key, request)),
            Purpose::Neither(reason) => return self.pending(Action::Pass(reason, request)),
        };
        let is_current = self.is_memory_current();
        let looked = self.store.look(&key, |variants| {
            let variants = variants?;
            let headers = request.headers();
            let hit = (is_plain && is_current).then(|| self.plain_hit(variants, headers, now));
            Some(hit.flatten().ok_or_else(|| variants.clone()))
        });
        let variants = match looked {
            Some(Ok((response, status))) => {
                self.counters.count(&status);
                return Lookup::Hit(response, status);
            }
            Some(Err(variants)) => Some(variants),
            None if is_plain && self.bypass_memory.contains(&key, now) => {
                return Lookup::Bypass(Bypass::new(key, now), request);
            }
            None => None,
        };
        let (head, content) = request.into_parts();
        let keyed = KeyedRequest::new(key, head, is_plain);
        let decision = Decision::among(variants.as_ref(), &keyed, now);
        match decision.if_current(is_current) {
            Decision::Hit { stored, validate } => {
                let answer = self.hit(keyed, stored, validate, now);
                if answer.tasks.are_none() {
                    self.counters.count(&answer.status);
                    return Lookup::Hit(answer.response, answer.status);
                }
                self.pending(Action::Respond(Box::new(answer)))
            }
            Decision::Forward { stale, reason } => self.pending(Action::Forward {
                keyed,
                content,
                stale,
                reason,
            }),
        }
    }

    /// Forwards a request as if there was no cache: nothing stored answers it, it waits for no other request, and its response is
    /// passed on. If it changes a resource, it invalidates as any other.
    pub fn pass_by<Q, B>(self: &Arc<Self>, request: Request<Q>) -> Lookup<Q, B> {
        self.pending(Action::Pass(ForwardReason::Bypass, request))
    }

    fn pending<Q, B>(self: &Arc<Self>, action: Action<Q, B>) -> Lookup<Q, B> {
        Lookup::Forward(Pending::new(Arc::clone(self), action))
    }
}

impl Purpose {
    fn of<Q>(request: &Request<Q>, is_plain: bool) -> Self {
        let Some(key) = CacheKey::of_request(request) else {
            return Self::Neither(ForwardReason::Bypass);
        };
        let headers = request.headers();
        if is_plain && !storing::steers_the_origin(headers, &key) {
            return Self::Read(key);
        }
        match *request.method() {
            // The key lacks the content, so a response that depends on it must not be stored under the key.
            Method::GET | Method::HEAD if storing::has_content(headers) => {
                Self::Neither(ForwardReason::Bypass)
            }
            // Its response is for this client only, and freshens no stored response.
            Method::GET | Method::HEAD if storing::steers_the_origin(headers, &key) => {
                Self::Neither(ForwardReason::Bypass)
            }
            Method::GET | Method::HEAD if conditional::is_for_the_origin(headers) => {
                Self::Neither(ForwardReason::Bypass)
            }
            Method::GET | Method::HEAD => Self::Read(key),
            Method::OPTIONS | Method::TRACE | Method::CONNECT => {
                Self::Neither(ForwardReason::Method)
            }
            // Methods that the cache does not know count as unsafe (RFC 9111 §4.4).
            _ => Self::Change(key),
        }
    }
}
