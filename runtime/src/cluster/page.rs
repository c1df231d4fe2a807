//! The admin page about the cluster: the origins and nodes of an edge, or the announcements of a node.

use http::{Method, StatusCode};
use serde::Serialize;

use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed};

/// The path of the page.
const CLUSTER_PATH: &str = "/cluster";

/// The page that shows these figures.
pub(crate) fn page<F: Serialize>(figures: impl Fn() -> F + Send + Sync + 'static) -> AdminPage {
    AdminPage::new(CLUSTER_PATH, move |request| {
        let response = match *request.method() {
            Method::GET | Method::HEAD => json(StatusCode::OK, &figures()),
            _ => not_allowed("GET, HEAD"),
        };
        std::future::ready(response.map(ResponseBody::Full))
    })
}
