//! Small guests and their surroundings, for tests that need a function without a server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use storage::queue::Room;
use wasmtime_wasi_http::WasiBody;

use super::{CallState, Function, FunctionParts};
use crate::budget::InstanceBudget;
use crate::clock;
use crate::engine::{Engine, EngineSize, Handler, LoadError};
use crate::failure::Failure;
use crate::grants::AllowedHosts;
use crate::host::HostFactory;
use crate::limits::MIB;
use crate::manifest::{ComponentLimits, Reuse};
use crate::observe::{Log, LogFormat, LogWriter, Metrics};
use crate::outbound::Outbound;
use crate::queues::{AppQueues, Queues};
use crate::request::{
    Caller, IdSource, RequestContext, RequestId, ResponseBody, TraceContext, WorkerId,
};

/// The worker that the tests use.
pub(crate) const WORKER: WorkerId = WorkerId(0);
/// The code of a handler that returns without an answer.
pub(crate) const SILENT: &str = "";
/// The code of a handler that traps.
pub(crate) const TRAPPING: &str = "unreachable";
/// The code of a handler that never returns.
pub(crate) const LOOPING: &str = "(loop br 0)";

/// A component of `wasi:http` 0.2 whose handler runs `code`, with one page of memory that may grow.
pub(crate) fn component(code: &str) -> Vec<u8> {
    component_with(code, "")
}

/// Such a component with `more` definitions at its end.
pub(crate) fn component_with(code: &str, more: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (core module $code
                (memory 1)
                (func (export "handle") (param i32 i32) {code}))
            (core instance $code (instantiate $code))
            (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                (canon lift (core func $code "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
            {more})"#
    );
    wat::parse_str(text).unwrap()
}

/// A small engine, sufficient for the tests.
pub(crate) fn engine() -> Engine {
    let size = EngineSize {
        memory: 10 << 20,
        instances: 8,
    };
    Engine::new(size, None).unwrap()
}

/// Loads a component from memory.
pub(crate) fn load(engine: &Engine, wasm: &[u8]) -> Result<Handler, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guest.wasm");
    std::fs::write(&path, wasm).unwrap();
    engine.load(&path, &crate::engine::read(&path)?)
}

/// The surroundings that the functions of one test share.
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    pub(crate) budget: Arc<InstanceBudget>,
    metrics: Metrics,
    log: Log,
    _writer: LogWriter,
}

impl Bed {
    /// A bed with room for `instances` and for `memory` bytes.
    pub(crate) fn new(instances: u32, memory: u64) -> Self {
        let metrics = Metrics::new();
        let (log, writer) = Log::start(std::io::sink(), LogFormat::Json, &metrics).unwrap();
        Self {
            engine: engine(),
            budget: InstanceBudget::new(instances, memory),
            metrics,
            log,
            _writer: writer,
        }
    }

    /// A function whose handler runs `code`. Its instances are reused as with `wasi:http` 0.3.
    pub(crate) fn function(&self, code: &str, limits: ComponentLimits) -> Arc<Function> {
        let mut handler = load(&self.engine, &component(code)).unwrap();
        handler.reusable = true;
        let id: Arc<str> = "tested".into();
        let hosts = HostFactory {
            component: Arc::clone(&id),
            log: self.log.clone(),
            environment: Vec::new(),
            files: None,
            memory: usize::try_from(limits.memory).unwrap(),
            budget: Arc::clone(&self.budget),
            grants: Arc::default(),
            outbound: Arc::new(Outbound {
                allowed_hosts: AllowedHosts::default(),
                networks: Arc::default(),
                queues: no_queues(),
                app: Arc::new(OnceLock::new()),
            }),
        };
        let parts = FunctionParts {
            metrics: self.metrics.component(&id),
            budget: Arc::clone(&self.budget),
            workers: 1,
            id,
            limits,
            hosts,
        };
        Function::new(self.engine.clone(), handler, parts)
    }
}

/// The queues of an app that consumes none.
pub(crate) fn no_queues() -> Arc<AppQueues> {
    let room = Room {
        messages: 0,
        bytes: 0,
    };
    Arc::new(AppQueues {
        queues: Arc::new(Queues::new(room, &Metrics::new())),
        consumes: Vec::new(),
        outboxes: Vec::new(),
        components: Vec::new(),
        schedules: Vec::new(),
    })
}

/// Limits that no test reaches by accident. Each test sets the limits that it is about.
pub(crate) fn limits() -> ComponentLimits {
    ComponentLimits {
        timeout: Duration::from_secs(20),
        cpu: Duration::from_secs(20),
        memory: MIB,
        concurrency: 8,
        queue: 8,
        request_body: MIB,
        reuse: Reuse::Shared {
            requests: 1000,
            concurrent: 1,
            idle: Duration::from_secs(1000),
        },
        cache: true,
    }
}

/// The context of an ordinary request.
pub(crate) fn context() -> Arc<RequestContext> {
    let ids = IdSource::from_seeds(1, 2);
    let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let trace = TraceContext::start(&ids);
    RequestContext::new(
        RequestId::generate(&ids),
        Caller::Client(client),
        trace,
        clock::now(),
    )
    .into()
}

/// A call that must end within `timeout`.
pub(crate) fn call_within(timeout: Duration) -> Arc<CallState> {
    CallState::new(context(), WORKER, clock::now(), timeout)
}

/// A request without content.
pub(crate) fn request() -> Request<WasiBody> {
    Request::get("http://localhost/").body(empty()).unwrap()
}

pub(crate) fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Calls the function once, with the whole time that its limits allow.
pub(crate) async fn call(function: &Arc<Function>) -> Result<Response<ResponseBody>, Failure> {
    let state = call_within(function.limits.timeout);
    function.call(request(), state).await
}
