//! Owns HTTP/1.1 on one connection, from its acceptance to its close: runs hyper on its socket, and says `close` when the
//! server drains. Timeouts are left to `timeouts`, answering requests to the pipeline.

mod guard;
mod interim;
mod socket;
mod state;
mod timeouts;

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use futures::FutureExt;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

pub(super) use state::State;

use self::socket::Socket;
use self::timeouts::{End, Timeouts};
use super::transport::Transport;
use super::{Arrival, Connections, ExchangeState};
use crate::clock;
use crate::failure::Failure;
use crate::server::Pipeline;
use crate::server::facts::Connection;
use crate::server::limits::MIN_BUFFER_BYTES;
use crate::server::refusal::Refusal;
use crate::server::tunnel::Tunnel;
use crate::settings::ServerLimits;
use crate::settings::limits::DEFAULT_MAX_HEADER_COUNT;

/// Hyper's settings for the public listener.
pub(super) fn protocol(limits: &ServerLimits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        // The guard bounds heads; hyper only has to have room for what the guard lets through.
        .max_buf_size(limits.max_header_bytes.max(MIN_BUFFER_BYTES))
        // The waits of a connection are ended by its timeouts, without a timer per request.
        .header_read_timeout(None)
        // A client that closes is noticed only while no half-open connection is allowed; it cancels the guest.
        .half_close(false);
    // Up to its own default hyper parses fields in place; for the same number set by hand it would allocate.
    if limits.max_header_count > DEFAULT_MAX_HEADER_COUNT {
        protocol.max_headers(limits.max_header_count);
    }
    protocol
}

/// Serves `stream` until it is closed.
pub(super) async fn serve<P: Pipeline>(
    worker: Rc<Connections<P>>,
    stream: Transport,
    connection: Connection,
) {
    let config = &worker.config;
    let state = Rc::new(State::new(clock::now()));
    let tunnel = Cell::new(None);
    let socket = Socket::new(stream, Rc::clone(&state), &config.limits);
    let service = service_fn(|request: Request<Incoming>| {
        let arrival = Arrival {
            request,
            connection,
            received: clock::now(),
            exchange: ExchangeState::Http1(Rc::clone(&state)),
        };
        // Not in the future, which hyper polls only after it has tried to read what follows the request.
        state.begin_exchange(arrival.received);
        // Not an async block, in which the arrival would stand twice.
        worker.pipeline.answer(arrival).map(|mut response| {
            if let Some(agreed) = response.extensions_mut().remove::<Tunnel>() {
                tunnel.set(Some(agreed));
            } else if worker.drain.has_begun() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut hyper = worker.http1.serve_connection(TokioIo::new(socket), service);
    let timeouts = Timeouts {
        state: &state,
        limits: &config.limits,
        drain: &worker.drain,
        is_of_proxy: connection.peer_is_trusted,
    };
    let end = timeouts.watch(&mut hyper).await;
    let hyper = hyper.into_parts();
    let socket = hyper.io.into_inner();
    if let Some(tunnel) = tunnel.take() {
        let drained = worker.drain.begun();
        let mut client = socket.into_stream();
        client.give_back(hyper.read_buf);
        return tunnel.run(client, drained).await;
    }
    close(&worker, connection.peer, &end, socket).await;
}

/// Closes the connection. If its last request was refused before it reached the pipeline, the client is told why.
async fn close<P>(worker: &Connections<P>, peer: SocketAddr, end: &End, socket: Socket) {
    let last_words = failure(end, &socket).map_or_else(Vec::new, |failure| {
        let refusal = Refusal::new(failure);
        let id = refusal.id.as_str();
        worker.observer.refuse(peer, id, &refusal.failure);
        refusal.to_bytes()
    });
    socket.close(&last_words).await;
}

/// Why a request that never reached the pipeline was refused.
fn failure(end: &End, socket: &Socket) -> Option<Failure> {
    match end {
        End::HeaderTimeout => Some(Failure::RequestTimeout),
        End::Finished | End::Unused => socket.refusal().cloned(),
    }
}
