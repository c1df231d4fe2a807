//! Converts requests and responses from and to JavaScript's.

use std::rc::Rc;

use http::StatusCode;
use worker::Env;
use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{self, ResponseInit};

use super::content::Source;
use super::{content, failed, fields};
use crate::{Error, Handler, IntoResponse, Request, Response, client};

/// Answers one request of the host with the handler.
///
/// # Errors
///
/// Only for a message that HTTP does not allow; a handler's own failure is a response.
pub async fn serve<A>(
    request: web_sys::Request,
    env: Env,
    handler: impl Handler<A>,
) -> Result<web_sys::Response, JsValue> {
    super::keep_env(env);
    let source = request.body().map(Source::new);
    let unread = source.as_ref().map(Rc::downgrade);
    let response = handler.answer(|| from_js(&request, source)).await;
    // The host must not discard content that is still to be read, for example by a response that streams it.
    if let Some(source) = unread.and_then(|source| source.upgrade()) {
        source.open();
    }
    to_js(response.into_response())
        .or_else(|error| to_js(error.into_problem()))
        .map_err(|error| error.to_string().into())
}

fn from_js(incoming: &web_sys::Request, source: Option<Rc<Source>>) -> Result<Request, Error> {
    let mut request = Request::new(content::body(source));
    *request.method_mut() = incoming.method().parse()?;
    *request.uri_mut() = incoming.url().parse()?;
    *request.headers_mut() = fields::from_js(&incoming.headers())?;
    let target = request.uri().clone();
    client::sanitise(request.headers_mut(), &target);
    Ok(request)
}

fn to_js(response: Response) -> Result<web_sys::Response, Error> {
    let (parts, body) = response.into_parts();
    let init = ResponseInit::new();
    init.set_status(parts.status.as_u16());
    init.set_headers(&fields::to_js(&parts.headers)?.into());
    // Content with `Content-Encoding` is encoded already, and must not be encoded again.
    Reflect::set(&init, &"encodeBody".into(), &"manual".into()).map_err(failed)?;
    // With these statuses, JavaScript refuses even empty content.
    let content = if is_without_content(parts.status) {
        None
    } else {
        content::to_js(body)
    };
    web_sys::Response::new_with_opt_buffer_source_and_init(content.as_ref(), &init).map_err(failed)
}

fn is_without_content(status: StatusCode) -> bool {
    status.is_informational()
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        )
}
