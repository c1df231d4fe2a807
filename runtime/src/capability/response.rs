//! Owns how a guest of `wasi:http` 0.3 makes a response: its content is taken over at once.
//! What a response is, and all else of the interface, is left to wasmtime.

use futures::channel::oneshot;
use wasmtime::component::{Access, FutureReader, Linker, Resource, StreamReader};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi_http::p3::Response;
use wasmtime_wasi_http::p3::bindings::http::types::{
    ErrorCode, Fields, HostResponseWithStore, Trailers,
};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::host::Host;

/// What the guest passes: fields, content, and the trailers that end it.
type Parts = (
    Resource<Fields>,
    Option<StreamReader<u8>>,
    FutureReader<Result<Option<Resource<Trailers>>, ErrorCode>>,
);

/// What it gets back: the response, and how its transmission ended.
type Made = (Resource<Response>, FutureReader<Result<(), ErrorCode>>);

/// Replaces wasmtime's `[static]response.new`.
///
/// # Errors
/// When the linker has no such interface.
pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.3.0")?;
    types.func_wrap("[static]response.new", |store, parts| {
        new(store, parts).map(|made| (made,))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Has the host read the content from the start, and not only once the guest has returned the response.
///
/// Whatever a guest writes into a stream that nobody reads makes its task wait, and a wait costs a turn of the
/// instance's loop, a switch of stacks and a call of the guest. Read from the start, a small response takes one call
/// of the guest in all. As ever the host holds one chunk and the guest waits with the next until that has been taken.
fn new(
    mut store: StoreContextMut<'_, Host>,
    (fields, content, trailers): Parts,
) -> wasmtime::Result<Made> {
    let access = Access::<Host, WasiHttp>::new(store.as_context_mut(), Host::http);
    let (response, transmitted) = WasiHttp::new(access, fields, content, trailers)?;
    let response = store.data_mut().http().table.delete(response)?;
    let (sender, receiver) = oneshot::channel();
    let transmission = async {
        match receiver.await {
            Ok(transmission) => transmission.await,
            // The response was dropped, so nothing went wrong with it.
            Err(oneshot::Canceled) => Ok(()),
        }
    };
    let response = response.into_http(&mut store, transmission)?;
    let http = store.data_mut().http();
    let (response, transmission) = Response::from_http(http.hooks, response);
    // The receiver is gone only if the guest does not ask.
    let _ = sender.send(transmission);
    Ok((http.table.push(response)?, transmitted))
}
