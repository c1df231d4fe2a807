//! Requests to other servers through `fetch`, and to other components through service bindings.

use worker::js_sys::{self, Promise, Reflect};
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{self, JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, RequestInit, RequestRedirect};

use super::{content, failed, fields};
use crate::manifest::wrangler::{component, service_binding};
use crate::outbound::{Error, target};
use crate::{Request, Response};

#[wasm_bindgen(wasm_bindgen = wasm_bindgen, js_sys = js_sys)]
extern "C" {
    /// The global object or a service binding.
    type Fetcher;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Fetcher, url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

pub(crate) async fn send(request: Request) -> Result<Response, Error> {
    let target = target(&request);
    let fetcher = fetcher(&target)?;
    let answer = fetch(&fetcher, request).await;
    answer.map_err(|error| Error::Failed {
        target,
        reason: error.to_string(),
    })
}

fn fetcher(target: &str) -> Result<Fetcher, Error> {
    let Some(component) = component(target) else {
        return Ok(js_sys::global().unchecked_into());
    };
    super::binding(&service_binding(component))
        .map(JsCast::unchecked_into)
        .ok_or_else(|| Error::Denied(target.to_owned()))
}

async fn fetch(fetcher: &Fetcher, request: Request) -> Result<Response, crate::Error> {
    let (parts, body) = request.into_parts();
    let init = RequestInit::new();
    init.set_method(parts.method.as_str());
    init.set_headers(&fields::to_js(&parts.headers)?.into());
    // As on the other targets, a redirect is a response, and content arrives as it was sent.
    init.set_redirect(RequestRedirect::Manual);
    Reflect::set(&init, &"encodeResponseBody".into(), &"manual".into()).map_err(failed)?;
    if let Some(content) = content::to_js(body) {
        init.set_body(&content);
    }
    let promise = fetcher
        .fetch(&parts.uri.to_string(), &init)
        .map_err(failed)?;
    let response: web_sys::Response = JsFuture::from(promise)
        .await
        .map_err(failed)?
        .unchecked_into();
    let mut answer = Response::new(content::from_js(response.body()));
    *answer.status_mut() = http::StatusCode::from_u16(response.status())?;
    *answer.headers_mut() = fields::from_js(&response.headers())?;
    Ok(answer)
}
