//! The admin page about the origins of an edge. The figures are left to `origins`.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::Origins;
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed};

/// The path of the page.
const CLUSTER_PATH: &str = "/cluster";

/// The page about these origins.
pub(crate) fn page(origins: &Arc<Origins>) -> AdminPage {
    let origins = Arc::clone(origins);
    AdminPage::new(CLUSTER_PATH, move |request| {
        let response = match *request.method() {
            Method::GET | Method::HEAD => json(StatusCode::OK, &origins.figures()),
            _ => not_allowed("GET, HEAD"),
        };
        std::future::ready(response.map(ResponseBody::Full))
    })
}
