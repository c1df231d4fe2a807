//! Which of the responses that are stored for a target URI a request selects (RFC 9111 §4 and §4.1).

use std::sync::Arc;

use http::{HeaderMap, header};

use super::vary::accepted;
use crate::stored_response::StoredResponse;

/// The most recent of the stored responses that match, or the one in the language that the client likes best.
///
/// `variants` are newest first, as they came.
#[must_use]
pub fn select<'a>(
    variants: &'a [Arc<StoredResponse>],
    request: &HeaderMap,
) -> Option<&'a Arc<StoredResponse>> {
    let matching = variants.iter().find(|stored| stored.vary.matches(request));
    matching.or_else(|| {
        let language = preferred_language(variants, request)?;
        let mut others = variants
            .iter()
            .filter(|stored| stored.vary.matches_but_for_language(request));
        others.find(|stored| is_in(stored, &language))
    })
}

/// The language that a request prefers to all others (RFC 9110 §12.5.4), if there is one.
///
/// A response in it is what the origin would have chosen whatever else the client accepts.
fn preferred_language(variants: &[Arc<StoredResponse>], request: &HeaderMap) -> Option<String> {
    if variants
        .iter()
        .all(|stored| stored.vary == Default::default())
    {
        return None;
    }
    let languages = accepted(request, &header::ACCEPT_LANGUAGE);
    let most = languages.iter().map(|(_, weight)| *weight).max()?;
    let mut best = languages
        .into_iter()
        .filter(|(_, weight)| *weight == most && most > 0);
    let (language, _) = best.next()?;
    (best.next().is_none() && language != "*").then_some(language)
}

fn is_in(stored: &StoredResponse, language: &str) -> bool {
    let mut lines = stored.headers.get_all(header::CONTENT_LANGUAGE).iter();
    let only = lines.next().filter(|_| lines.next().is_none());
    only.is_some_and(|only| only.as_bytes().eq_ignore_ascii_case(language.as_bytes()))
}
