//! The admin page about the cluster: the origins and nodes of an edge, or the announcements of a node, and the rate limits of either.

use http::{Method, StatusCode};
use serde::Serialize;

use crate::observe::RateFigures;
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed};

/// The path of the page.
const CLUSTER_PATH: &str = "/cluster";

/// What the page shows.
#[derive(Serialize)]
struct Shown<F> {
    #[serde(flatten)]
    figures: F,
    #[serde(skip_serializing_if = "Option::is_none")]
    rates: Option<RateFigures>,
}

/// The page that shows these figures, and those of the rate limits if there are any.
pub(crate) fn page<F: Serialize>(
    figures: impl Fn() -> F + Send + Sync + 'static,
    rates: impl Fn() -> Option<RateFigures> + Send + Sync + 'static,
) -> AdminPage {
    AdminPage::new(CLUSTER_PATH, move |request| {
        let shown = || Shown {
            figures: figures(),
            rates: rates(),
        };
        let response = match *request.method() {
            Method::GET | Method::HEAD => json(StatusCode::OK, &shown()),
            _ => not_allowed("GET, HEAD"),
        };
        std::future::ready(response.map(ResponseBody::Full))
    })
}
