//! Leaves out of a request the query parameters and cookies that make no difference, as the settings say, before the cache looks
//! for a stored response. The function or origin gets the request without them as well, so no response can depend on them.

use std::borrow::Cow;

use edge_cache::rules::key::CacheKey;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use percent_encoding::percent_decode_str;

use crate::settings::{KeyRules, Names};

/// Leaves out of a `GET` or `HEAD` what makes no difference. Other requests stay as they are: they may change something by it.
pub(super) fn simplify<B>(rules: &KeyRules, request: &mut Request<B>) {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return;
    }
    if let Some(target) = request.uri().path_and_query()
        && let Some(simple) = simple_target(rules, target.as_str())
    {
        set_target(request.uri_mut(), &simple);
    }
    if let Some(cookies) = &rules.cookies {
        leave_cookies_out(cookies, request.headers_mut());
    }
}

/// The key under which a `GET` for the URI of this key is stored, if it is another one.
pub(super) fn simple_key(rules: &KeyRules, key: &CacheKey) -> Option<CacheKey> {
    let target = simple_target(rules, key.path_and_query())?;
    let uri: Uri = format!("{}{target}", key.origin()).parse().ok()?;
    CacheKey::new(&uri)
}

/// The path and query without what makes no difference; `None` if nothing changes.
fn simple_target(rules: &KeyRules, target: &str) -> Option<String> {
    if rules.query.is_none() && !rules.sorts_query {
        return None;
    }
    let (path, query) = target.split_once('?')?;
    let stays = |parameter: &&str| {
        let names = rules.query.as_ref();
        !parameter.is_empty() && names.is_none_or(|names| names.keeps(&name_of(parameter)))
    };
    let mut parameters: Vec<&str> = query.split('&').filter(stays).collect();
    if rules.sorts_query {
        // Stable, because the order of parameters with one name may make a difference.
        parameters.sort_by_cached_key(|parameter| name_of(parameter).into_owned());
    }
    let mut simple = path.to_owned();
    if !parameters.is_empty() {
        simple.push('?');
        simple.push_str(&parameters.join("&"));
    }
    (simple != target).then_some(simple)
}

/// The name of a parameter as the function reads it (WHATWG URL §5.1).
fn name_of(parameter: &str) -> Cow<'_, str> {
    let name = parameter.split('=').next().unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy()
}

fn set_target(uri: &mut Uri, target: &str) {
    let Ok(target) = PathAndQuery::try_from(target) else {
        return;
    };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(target);
    *uri = Uri::from_parts(parts).expect("only the path and query of a URI have changed");
}

/// Leaves cookies out. Fields that are not text stay as they are, and so do all others then.
fn leave_cookies_out(names: &Names, headers: &mut HeaderMap) {
    let fields = headers.get_all(header::COOKIE).iter();
    let Ok(fields) = fields
        .map(HeaderValue::to_str)
        .collect::<Result<Vec<_>, _>>()
    else {
        return;
    };
    if fields.is_empty() {
        return;
    }
    let cookies = fields.iter().flat_map(|field| field.split(';'));
    let left: Vec<&str> = cookies
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
        .filter(|cookie| names.keeps(cookie.split('=').next().unwrap_or_default()))
        .collect();
    match HeaderValue::try_from(left.join("; ")) {
        Ok(left) if !left.is_empty() => {
            headers.insert(header::COOKIE, left);
        }
        _ => {
            headers.remove(header::COOKIE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Source;
    use crate::settings::Settings;

    fn rules(cache: &str) -> KeyRules {
        let text = format!("[cache]\n{cache}");
        let file = "terrace.toml".into();
        let judged = Settings::new(Source { file, text }).judge("state".as_ref());
        judged
            .unwrap_or_else(|faults| panic!("{faults}"))
            .cache
            .key_rules
    }

    #[track_caller]
    fn check(rules: &KeyRules, method: &str, target: &str, expected: &str) {
        let request = Request::builder().method(method).uri(target);
        let mut request = request.body(()).unwrap();
        simplify(rules, &mut request);
        assert_eq!(request.uri(), expected);
    }

    #[test]
    fn parameters_that_make_no_difference_are_left_out() {
        let rules = rules("query = { ignore = ['utm_*', 'fbclid'] }");
        check(&rules, "GET", "/a?utm_source=x&b=1&fbclid", "/a?b=1");
        check(&rules, "HEAD", "/a?%75tm_medium=x", "/a");
        check(&rules, "GET", "http://h/a?utm_x", "http://h/a");
        check(&rules, "GET", "/a?b=2&a=1&b=1", "/a?b=2&a=1&b=1");
        check(&rules, "GET", "/a?utm", "/a?utm");
        check(&rules, "GET", "/a?fbclid2", "/a?fbclid2");
        check(&rules, "POST", "/a?fbclid=1", "/a?fbclid=1");
    }

    #[test]
    fn parameters_that_are_kept_may_be_sorted_by_name() {
        let rules = rules("query = { keep = ['page', 'tag'], sort = true }");
        check(
            &rules,
            "GET",
            "/?tag=b&x=1&page=2&tag=a",
            "/?page=2&tag=b&tag=a",
        );
        check(&rules, "GET", "/?x=1", "/");
        check(&rules, "GET", "/?", "/");
        check(&rules, "GET", "/", "/");
    }

    #[test]
    fn cookies_that_make_no_difference_are_left_out() {
        let rules = rules("cookies = { keep = ['session', 'locale*'] }");
        let mut request = Request::new(());
        for field in ["_ga=1; session=a=b", "locale2=de;x", ""] {
            let field = HeaderValue::from_static(field);
            request.headers_mut().append(header::COOKIE, field);
        }
        simplify(&rules, &mut request);
        let left: Vec<_> = request.headers().get_all(header::COOKIE).iter().collect();
        assert_eq!(left, ["session=a=b; locale2=de"]);
        let mut request = Request::new(());
        let field = HeaderValue::from_static("_ga=1");
        request.headers_mut().insert(header::COOKIE, field);
        simplify(&rules, &mut request);
        assert!(request.headers().is_empty());
    }

    #[test]
    fn a_key_is_that_of_the_request_that_is_looked_for() {
        let rules = rules("query = { ignore = ['a'] }");
        let key = |url: &str| CacheKey::new(&url.parse().unwrap()).unwrap();
        let simple = simple_key(&rules, &key("http://h/./p?a=1&b=2"));
        assert_eq!(simple, Some(key("http://h/./p?b=2")));
        assert_eq!(simple_key(&rules, &key("http://h/p?b=2")), None);
    }
}
