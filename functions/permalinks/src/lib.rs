//! Makes the permanent URL of an article from its title. Another component turns titles into parts of URLs;
//! `[component.ID.dependencies]` names it: see `docs/composition.md`.

use terrace_sdk::http::StatusCode;
use terrace_sdk::{Body, Request, Response};

use bindings::terrace::text::slugs;

/// The imports, made of the other component's WIT.
mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        clippy::all,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        inline: "package terrace:permalinks; world permalinks { import terrace:text/slugs@1.0.0; }",
        path: "../slugs/wit",
        generate_all,
    });
}

/// Answers `?title=…` with the path of that article.
pub async fn handle(request: Request) -> Response {
    permalink(&request, slugs::slug)
}

fn permalink(request: &Request, slug: impl Fn(&str) -> String) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let mut fields = form_urlencoded::parse(query.as_bytes());
    match fields.find(|(name, _)| name == "title") {
        Some((_, title)) => Response::new(Body::from(format!("/articles/{}\n", slug(&title)))),
        None => {
            let mut response = Response::new(Body::from("add `?title=…`\n"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}

terrace_sdk::export!(handle);

#[cfg(test)]
mod tests {
    use super::*;

    fn status_and_title(uri: &str) -> (u16, Option<String>) {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        let title = std::cell::RefCell::new(None);
        let response = permalink(&request, |text| {
            title.replace(Some(text.to_owned()));
            String::new()
        });
        (response.status().as_u16(), title.into_inner())
    }

    #[test]
    fn title_is_decoded() {
        let (status, title) = status_and_title("/permalinks?tag=a&title=One+%26+Two");
        assert_eq!((status, title.as_deref()), (200, Some("One & Two")));
    }

    #[test]
    fn request_without_a_title_is_told_what_is_missing() {
        assert_eq!(status_and_title("/permalinks"), (400, None));
    }
}
