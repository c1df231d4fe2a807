//! Calls from component to component.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi_http::Error;

use super::Deployment;
use crate::function::testing::{Bed, SILENT, call_within, limits, request};
use crate::function::{CallState, Function};
use crate::limits::{MAX_CALL_DEPTH, MIB};
use crate::router::Router;

fn deployment(functions: BTreeMap<String, Arc<Function>>) -> Deployment {
    Deployment {
        name: "tested".into(),
        version: String::new(),
        router: Router::new(&[]),
        triggers: Vec::new(),
        functions,
    }
}

/// A call that so many others led to.
fn at_depth(depth: u32) -> Arc<CallState> {
    let first = call_within(Duration::from_secs(20));
    (0..depth).fold(first, |caller, _| caller.nested(caller.deadline))
}

#[tokio::test]
async fn calls_between_components_nest_to_a_limit() {
    let bed = Bed::new(8, MIB);
    let silent = ("silent".to_owned(), bed.function(SILENT, limits()));
    let deployment = deployment(BTreeMap::from([silent]));
    let call = async |depth| {
        let caller = at_depth(depth);
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
        let called = deployment.call_from_within(&caller, id, request());
        assert!(matches!(called.await, Err(Error::DestinationNotFound)));
    }
}

#[test]
fn a_nested_call_has_no_more_time_than_its_caller() {
    let caller = call_within(Duration::from_secs(1));
    let nested = caller.nested(caller.deadline + Duration::from_secs(1));
    assert_eq!(nested.deadline, caller.deadline);
    let hurried = caller.nested(caller.deadline - Duration::from_millis(1));
    assert!(hurried.deadline < caller.deadline);
    assert_eq!(hurried.depth, 1);
}
