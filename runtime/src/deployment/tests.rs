//! Calls from component to component.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http_body_util::BodyExt;
use wasmtime_wasi_http::Error;

use super::{Deployment, within};
use crate::function::testing::{Bed, SILENT, call_within, limits, no_queues, request};
use crate::function::{CallState, Function};
use crate::limits::{MAX_CALL_DEPTH, MIB};
use crate::request::ResponseBody;
use crate::router::Router;

fn deployment(functions: BTreeMap<String, Arc<Function>>) -> Deployment {
    Deployment {
        name: "tested".into(),
        version: String::new(),
        router: Router::default(),
        triggers: Vec::new(),
        functions,
        consumers: Vec::new(),
        queues: no_queues(),
    }
}

/// A call that so many others led to.
fn at_depth(depth: u32) -> Arc<CallState> {
    let first = call_within(Duration::from_secs(20));
    (0..depth).fold(first, |call, _| {
        CallState::nested(&call.caller(), call.begun, Duration::from_secs(20))
    })
}

#[tokio::test]
async fn calls_between_components_nest_to_a_limit() {
    let bed = Bed::new(8, MIB);
    let silent = ("silent".to_owned(), bed.function(SILENT, limits()));
    let deployment = deployment(BTreeMap::from([silent]));
    let call = async |depth| {
        let caller = at_depth(depth);
        let caller = caller.caller();
        let called = deployment.call_from_within(&caller, Some("silent"), request());
        called.await.err().unwrap()
    };
    assert!(matches!(
        call(MAX_CALL_DEPTH - 1).await,
        Error::HttpResponseIncomplete
    ));
    assert!(matches!(call(MAX_CALL_DEPTH).await, Error::LoopDetected));
}

#[tokio::test]
async fn a_component_or_route_that_is_not_there_is_not_found() {
    let deployment = deployment(BTreeMap::new());
    for id in [None, Some("other")] {
        let caller = at_depth(0);
        let caller = caller.caller();
        let called = deployment.call_from_within(&caller, id, request());
        assert!(matches!(called.await, Err(Error::DestinationNotFound)));
    }
}

#[test]
fn a_nested_call_has_no_more_time_than_its_caller() {
    let caller = call_within(Duration::from_secs(1));
    let nested = CallState::nested(&caller.caller(), caller.begun, Duration::from_secs(2));
    assert_eq!(nested.deadline, caller.deadline);
    let hurried = CallState::nested(&caller.caller(), caller.begun, Duration::from_millis(999));
    assert!(hurried.deadline < caller.deadline);
    assert_eq!(hurried.depth, 1);
}

/// RFC 9110 §9.3.2.
#[tokio::test]
async fn the_response_to_a_head_within_the_app_has_a_length_and_no_content() {
    for (is_head, expected) in [(false, "content"), (true, "")] {
        let response = Response::new(ResponseBody::Full("content".into()));
        let response = within(response, is_head);
        let length = response.headers().get("content-length").cloned();
        assert_eq!(length.is_some_and(|length| length == "7"), is_head);
        let content = response.into_body().collect().await.unwrap();
        assert_eq!(content.to_bytes(), expected);
    }
}
