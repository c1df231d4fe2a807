//! The admin page about the queries of all databases: their shapes, and the findings about them.
//! Counting and judging is left to the crate [`storage`], showing it to the command line.

mod report;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::timeout_at;

use crate::clock;
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed, refuse};
use crate::server::limits::{ADVICE_TIMEOUT, MAX_ADVICE_WORK};
use crate::state::State;

pub(crate) use report::{DatabaseReport, FindingReport, Report, ShapeReport};

/// The path of the page.
pub(crate) const SHAPES_PATH: &str = "/sql/shapes.json";

/// The last answer, and when working on it began. Trying indexes takes memory and a core, so one answer is worked out at a
/// time.
type Last = Mutex<Option<(Instant, Response<Bytes>)>>;

/// The page about the databases that `state` has open.
pub(crate) fn page(state: &Arc<State>) -> AdminPage {
    let state = Arc::clone(state);
    let last = Arc::<Last>::default();
    AdminPage::new(SHAPES_PATH, move |request| {
        let (state, last) = (Arc::clone(&state), Arc::clone(&last));
        async move {
            answer(&request, &state, &last)
                .await
                .map(ResponseBody::Full)
        }
    })
}

async fn answer(request: &Request<Bytes>, state: &State, last: &Last) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed("GET, HEAD");
    }
    let asked = clock::now();
    let turn = timeout_at((asked + ADVICE_TIMEOUT).into(), last.lock());
    let Ok(mut last) = turn.await else {
        let what = "the queries are being looked at for others; try again";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, what);
    };
    match &*last {
        // Somebody else who waited had it worked out meanwhile.
        Some((begun, response)) if *begun >= asked => response.clone(),
        _ => {
            let begun = clock::now();
            let report = report(state, begun + MAX_ADVICE_WORK).await;
            let response = json(StatusCode::OK, &report);
            *last = Some((begun, response.clone()));
            response
        }
    }
}

async fn report(state: &State, deadline: Instant) -> Report {
    let mut report = Report::default();
    for (label, database) in state.databases() {
        let advice = database.advise(deadline).await;
        report.databases.push(DatabaseReport::new(label, &advice));
    }
    report
}
