//! What a component sees of another one's request.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, StreamBody};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{address, from_within};
use crate::function::testing::{context, empty};

fn content(text: &'static str) -> WasiBody {
    Full::new(Bytes::from_static(text.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Content whose length is not announced.
fn chunked(text: &'static str) -> WasiBody {
    let frame = Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes())));
    StreamBody::new(futures::stream::iter([frame])).boxed_unsync()
}

fn request(body: WasiBody) -> Request<WasiBody> {
    Request::post("http://api.spin.internal/a?b=c")
        .body(body)
        .unwrap()
}

#[test]
fn fields_of_the_platform_are_not_the_callers_to_write() {
    let context = context();
    let mut request = request(empty());
    for name in [
        "spin-client-addr",
        "spin-path-match-id",
        "x-request-id",
        "host",
    ] {
        request
            .headers_mut()
            .insert(name, "forged".parse().unwrap());
    }
    request
        .headers_mut()
        .insert("x-own", "kept".parse().unwrap());
    let request = from_within(request, None, &context, 10).unwrap();
    let field = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(field("spin-client-addr"), Some("0.0.0.0:0"));
    assert_eq!(
        field("spin-full-url"),
        Some("http://api.spin.internal/a?b=c")
    );
    assert_eq!(field("spin-path-info"), Some("/a"));
    assert_eq!(field("spin-path-match-id"), None);
    assert_eq!(field("x-request-id"), Some(context.id.as_str()));
    assert_eq!(field("host"), None);
    assert_eq!(field("x-own"), Some("kept"));
}

#[test]
fn a_bare_path_gets_an_authority() {
    let request = Request::get("/a?b=c").body(empty()).unwrap();
    let request = from_within(request, None, &context(), 10).unwrap();
    assert_eq!(request.uri(), "http://self.alt/a?b=c");
}

#[tokio::test]
async fn content_between_components_has_the_limit_of_the_called_one() {
    let taken = |body, limit| from_within(request(body), None, &context(), limit);
    assert!(taken(content("1234"), 4).is_ok());
    assert!(matches!(
        taken(content("1234"), 3),
        Err(Error::HttpRequestBodySize(Some(3)))
    ));
    let whole = taken(chunked("1234"), 4).unwrap().into_body();
    assert_eq!(whole.collect().await.unwrap().to_bytes(), "1234");
    let cut = taken(chunked("1234"), 3).unwrap().into_body();
    assert!(matches!(
        cut.collect().await,
        Err(Error::HttpRequestBodySize(Some(3)))
    ));
}

#[test]
fn a_socket_s_address_is_as_the_standard_library_prints_it() {
    for text in ["0.0.0.0:0", "255.254.10.1:65535", "[2001:db8::1]:80"] {
        assert_eq!(address(text.parse().unwrap()), text);
    }
}
