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

use super::Host;

/// What the guest passes: fields, content, and the trailers that end it.
type Parts = (
    Resource<Fields>,
    Option<StreamReader<u8>>,
    FutureReader<Result<Option<Resource<Trailers>>, ErrorCode>>,
);

/// What it gets back: the response, and how its transmission ended.
type Made = (Resource<Response>, FutureReader<Result<(), ErrorCode>>);

/// The function that is replaced, and the interface that wasmtime links it in.
const INTERFACE: &str = "wasi:http/types@0.3.0";
const FUNCTION: &str = "[static]response.new";

/// Replaces wasmtime's `[static]response.new`.
///
/// # Errors
/// When wasmtime has linked no such function. A linker makes the interfaces that it is asked for, so that another version
/// of wasmtime could otherwise leave the replacement without effect.
pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    if define(linker).is_ok() {
        return Err(wasmtime::format_err!(
            "{INTERFACE} has no `{FUNCTION}` to replace"
        ));
    }
    linker.allow_shadowing(true);
    define(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn define(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut types = linker.instance(INTERFACE)?;
    types.func_wrap(FUNCTION, |store, parts| {
        new(store, parts).map(|made| (made,))
    })
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

#[cfg(test)]
mod tests {
    use wasmtime::Engine;
    use wasmtime::component::Linker;

    use super::link;

    #[test]
    fn a_replacement_of_what_is_not_there_is_an_error() {
        let error = link(&mut Linker::new(&Engine::default())).unwrap_err();
        assert!(error.to_string().contains("to replace"), "{error}");
    }
}
