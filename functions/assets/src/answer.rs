//! The response to a request, from its method to its content.

use std::io;

use terrace_sdk::http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use terrace_sdk::http::{HeaderMap, HeaderValue, Method, StatusCode};
use terrace_sdk::{Body, Request, Response};

use crate::conditions::{self, Verdict};
use crate::path::{self, Named, name_of};
use crate::range::{self, Wanted};
use crate::site::{Asset, Found, Site};
use crate::{content, media_type};

/// The path below the component's route, as Spin and Terrace say it.
const PATH_INFO: &str = "spin-path-info";

/// The page of a site for paths at which nothing is.
const MISSING_PAGE: &str = "404.html";

/// Answers a request.
///
/// # Errors
/// When a file that is there cannot be read.
pub(crate) fn answer(site: &Site<'_>, request: &Request) -> io::Result<Response> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(not_allowed());
    }
    let Some(named) = path::named(asked_for(request)) else {
        return missing(site, request);
    };
    match site.find(named, request.headers())? {
        Found::File(asset) => file(site, asset, request),
        Found::Folder => Ok(with_slash(site, request)),
        Found::Missing => missing(site, request),
    }
}

/// The path below the route; in a host without routes, all of it.
fn asked_for(request: &Request) -> &str {
    let below = request.headers().get(PATH_INFO);
    below.map_or_else(
        || request.uri().path(),
        |below| below.to_str().unwrap_or_default(),
    )
}

fn file(site: &Site<'_>, asset: Asset, request: &Request) -> io::Result<Response> {
    let (tag, length) = (asset.identified.tag.clone(), asset.identified.length);
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    fields.insert(ETAG, value(&tag));
    if asset.has_variants {
        fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    match conditions::judge(request.headers(), &tag) {
        Verdict::Failed => return Ok(with_status(response, StatusCode::PRECONDITION_FAILED)),
        Verdict::NotModified => {
            fields.insert(CACHE_CONTROL, value(&site.lifetimes.of(&asset.path)));
            return Ok(with_status(response, StatusCode::NOT_MODIFIED));
        }
        Verdict::Send => {}
    }
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (first, count) = match wanted(request, &tag, length) {
        Wanted::Unsatisfiable => {
            fields.insert(CONTENT_RANGE, value(&format!("bytes */{length}")));
            return Ok(with_status(response, StatusCode::RANGE_NOT_SATISFIABLE));
        }
        Wanted::Part(first, count) => {
            let last = first + count - 1;
            fields.insert(
                CONTENT_RANGE,
                value(&format!("bytes {first}-{last}/{length}")),
            );
            response = with_status(response, StatusCode::PARTIAL_CONTENT);
            (first, count)
        }
        Wanted::Whole => (0, length),
    };
    describe(response.headers_mut(), site, &asset, count);
    if request.method() == Method::GET {
        *response.body_mut() = content::part(asset, first, count)?;
    }
    Ok(response)
}

/// The bytes to send. Only `GET` has ranges (RFC 9110 §14.2).
fn wanted(request: &Request, tag: &str, length: u64) -> Wanted {
    let headers = request.headers();
    if request.method() == Method::GET && conditions::allow_part(headers, tag) {
        range::wanted(headers, length)
    } else {
        Wanted::Whole
    }
}

/// The fields about the content of a file.
fn describe(fields: &mut HeaderMap, site: &Site<'_>, asset: &Asset, length: u64) {
    fields.insert(CACHE_CONTROL, value(&site.lifetimes.of(&asset.path)));
    let media_type = media_type::of(name_of(&asset.path));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // The type is what the name says, whatever the content looks like.
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(coding) = asset.coding {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name));
    }
    fields.insert(CONTENT_LENGTH, length.into());
}

/// 404 with the site's own page, if it has one.
fn missing(site: &Site<'_>, request: &Request) -> io::Result<Response> {
    let page = Named {
        path: MISSING_PAGE.into(),
        is_folder: false,
    };
    let mut response = Response::new(Body::from("There is no such file.\n"));
    if let Found::File(asset) = site.find(page, request.headers())? {
        let length = asset.identified.length;
        response = Response::new(Body::empty());
        if asset.has_variants {
            let fields = response.headers_mut();
            fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        describe(response.headers_mut(), site, &asset, length);
        *response.body_mut() = content::part(asset, 0, length)?;
    } else {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
    }
    let lifetime = value(&site.lifetimes.of_missing());
    response.headers_mut().insert(CACHE_CONTROL, lifetime);
    if request.method() == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    Ok(with_status(response, StatusCode::NOT_FOUND))
}

/// Sends the client to the path with a slash at its end. The reference is relative, so that it leads to no other host.
fn with_slash(site: &Site<'_>, request: &Request) -> Response {
    let path = request.uri().path();
    let name = path.rsplit('/').next().unwrap_or_default();
    let query = request.uri().query();
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    fields.insert(LOCATION, value(&format!("./{name}/{query}")));
    fields.insert(CACHE_CONTROL, value(&site.lifetimes.of_missing()));
    with_status(response, StatusCode::MOVED_PERMANENTLY)
}

fn not_allowed() -> Response {
    let mut response = Response::new(Body::empty());
    let methods = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(ALLOW, methods);
    with_status(response, StatusCode::METHOD_NOT_ALLOWED)
}

fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

/// A field's value that is made of parts of URIs, numbers and tags only.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
