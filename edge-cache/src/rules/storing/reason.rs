//! Why a response is not stored.

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoStoreReason {
    /// Responses to the request's method are not stored (RFC 9111 §3).
    Method,
    /// The request has `no-store` (RFC 9111 §5.2.1.5).
    RequestNoStore,
    /// A field of the request may change the response and is not in the cache key.
    UnkeyedInput,
    /// The status is not final, not understood (RFC 9111 §3, §5.2.2.3), or depends on the request.
    Status,
    /// The response has `no-store` (RFC 9111 §5.2.2.5).
    NoStore,
    /// The response has `private` (RFC 9111 §5.2.2.7).
    Private,
    /// The request has `Authorization`, and the response does not say that it is for others (RFC 9111 §3.5).
    Authorization,
    /// The request has cookies, and the response does not say that it is for others.
    Cookie,
    /// The response sets a cookie, and does not say that it is for others.
    SetCookie,
    /// The response has `Vary: *`, or one that can't be read or names too much (RFC 9111 §4.1).
    Vary,
    /// It could never be reused, with or without a validation.
    NotReusable,
    /// It is in too many groups, or in one with a name that is too long.
    TooManyGroups,
    /// It is too large, or the service behind the cache does not want it stored.
    NotWanted,
}

impl NoStoreReason {
    /// Its word in `Cache-Status` (RFC 9211 §2.8) and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestNoStore => "request-no-store",
            Self::UnkeyedInput => "unkeyed-input",
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::Cookie => "cookie",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::NotReusable => "not-reusable",
            Self::TooManyGroups => "too-many-groups",
            Self::NotWanted => "not-wanted",
        }
    }

    /// Whether the next response for this URI is unlikely to be stored as well, because the reason is in the resource, not in
    /// the request or in an error. Requests for it do not wait for each other.
    #[must_use]
    pub fn is_lasting(self) -> bool {
        match self {
            Self::NoStore
            | Self::Private
            | Self::SetCookie
            | Self::Vary
            | Self::NotReusable
            | Self::TooManyGroups
            | Self::NotWanted => true,
            Self::Method
            | Self::RequestNoStore
            | Self::UnkeyedInput
            | Self::Status
            | Self::Authorization
            | Self::Cookie => false,
        }
    }
}
