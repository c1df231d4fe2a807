//! Which of the responses that are stored for a target URI a request selects (RFC 9111 §4 and §4.1).

use std::sync::Arc;

use http::{HeaderMap, header};

use super::weight::accepted;
use crate::StoredResponse;

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
        let mut others = variants
            .iter()
            .filter(|stored| stored.vary.matches_but_for_language(request))
            .peekable();
        others.peek()?;
        let language = preferred_language(request)?;
        others.find(|stored| is_in(stored, &language))
    })
}

/// The language that a request prefers to all others (RFC 9110 §12.5.4), if there is one.
///
/// The origin would have chosen a response in it for any other preferences of the client.
fn preferred_language(request: &HeaderMap) -> Option<String> {
    let languages = accepted(request, &header::ACCEPT_LANGUAGE);
    let most = languages
        .iter()
        .map(|(_, weight)| *weight)
        .max()
        .filter(|most| *most > 0)?;
    let mut best = languages.into_iter().filter(|(_, weight)| *weight == most);
    let (language, _) = best.next()?;
    (best.next().is_none() && language != "*").then_some(language)
}

/// Whether a response is in this language and in no other.
fn is_in(stored: &StoredResponse, language: &str) -> bool {
    let mut lines = stored.headers.get_all(header::CONTENT_LANGUAGE).iter();
    let only = lines.next().filter(|_| lines.next().is_none());
    only.is_some_and(|only| {
        only.as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(language.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, stored_for};

    fn in_language(language: &str) -> Arc<StoredResponse> {
        let fields = [("vary", "accept-language"), ("content-language", language)];
        Arc::new(stored_for(&[("accept-language", "en, de")], &fields))
    }

    fn selects(variants: &[Arc<StoredResponse>], accept_language: &str) -> Option<usize> {
        let selected = select(variants, &headers(&[("accept-language", accept_language)]))?;
        variants
            .iter()
            .position(|stored| Arc::ptr_eq(stored, selected))
    }

    #[test]
    fn of_those_that_match_the_most_recent_is_selected_rfc_9111_4() {
        let variant = |value| Arc::new(stored_for(&[("a", value)], &[("vary", "a")]));
        let variants = [variant("2"), variant("1"), variant("1")];
        let selected = select(&variants, &headers(&[("a", "1")])).unwrap();
        assert!(Arc::ptr_eq(selected, &variants[1]));
        assert!(select(&variants, &headers(&[("a", "3")])).is_none());
    }

    #[test]
    fn a_response_in_the_language_that_is_liked_best_is_selected_rfc_9110_12_5_4() {
        let variants = [in_language("en"), in_language("de")];
        assert_eq!(selects(&variants, "fr;q=0.5, de;q=1.0"), Some(1));
        assert_eq!(selects(&variants, "DE"), Some(1));
        for others in ["fr, de", "fr, de;q=0.5", "de;q=0", "*", "de-AT", ""] {
            assert_eq!(selects(&variants, others), None, "{others}");
        }
        assert_eq!(selects(&[in_language("de, en")], "de"), None);
    }
}
