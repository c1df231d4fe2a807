//! The admin page about the queries of all databases: their shapes, and the findings about them.
//! Counting and judging is left to the crate [`storage`], showing it to the command line.

mod report;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::timeout_at;

use crate::clock;
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed, refuse};
use crate::server::limits::ADVICE_TIMEOUT;
use crate::state::State;

pub(crate) use report::{DatabaseReport, FindingReport, Report, ShapeReport};

/// The path of the page.
pub(crate) const SHAPES_PATH: &str = "/sql/shapes.json";

/// The page about the databases that `state` has open.
pub(crate) fn page(state: &Arc<State>) -> AdminPage {
    let state = Arc::clone(state);
    // Trying indexes takes memory and a core, so one answer is worked out at a time.
    let turn = Arc::new(Mutex::new(()));
    AdminPage::new(SHAPES_PATH, move |request| {
        let (state, turn) = (Arc::clone(&state), Arc::clone(&turn));
        async move {
            answer(&request, &state, &turn)
                .await
                .map(ResponseBody::Full)
        }
    })
}

async fn answer(request: &Request<Bytes>, state: &State, turn: &Mutex<()>) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed("GET, HEAD");
    }
    let deadline = clock::now() + ADVICE_TIMEOUT;
    let Ok(_turn) = timeout_at(deadline.into(), turn.lock()).await else {
        let what = "the queries are being looked at for others; try again";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, what);
    };
    let mut report = Report::default();
    for (label, database) in state.databases() {
        let advice = database.advise(deadline).await;
        report.databases.push(DatabaseReport::new(label, &advice));
    }
    json(StatusCode::OK, &report)
}
