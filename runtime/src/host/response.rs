//! The host's own `response.new` of `wasi:http` 0.3, which reads the content at once.
//! The rest of the interface is wasmtime's.

use futures::channel::oneshot;
use wasmtime::component::{Access, FutureReader, Linker, Resource, StreamReader};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi_http::p3::Response;
use wasmtime_wasi_http::p3::bindings::http::types::{
    ErrorCode, Fields, HostResponseWithStore, Trailers,
};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::Host;

/// The arguments: fields, content, and trailers.
type Parts = (
    Resource<Fields>,
    Option<StreamReader<u8>>,
    FutureReader<Result<Option<Resource<Trailers>>, ErrorCode>>,
);

/// The results: the response, and a future for the outcome of its transmission.
type Made = (Resource<Response>, FutureReader<Result<(), ErrorCode>>);

/// The interface and the function that this module replaces.
const INTERFACE: &str = "wasi:http/types@0.3.0";
const FUNCTION: &str = "[static]response.new";

/// Replaces wasmtime's `[static]response.new`.
///
/// # Errors
/// When wasmtime has not linked such a function. A linker creates any interface that it is asked for, so without this check
/// a new version of wasmtime could make the replacement useless.
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

/// Makes the host read the content from the start. wasmtime's function starts only when the guest has returned the
/// response.
///
/// A guest that writes into a stream without a reader has to wait. Each wait costs a poll of the instance, a switch of
/// stacks and a call into the guest. With a reader from the start, a small response takes a single call into the guest.
/// The host still holds one chunk at most, and the guest waits before it writes the next.
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
            // The response was dropped, so its transmission did not fail.
            Err(oneshot::Canceled) => Ok(()),
        }
    };
    let response = response.into_http(&mut store, transmission)?;
    let http = store.data_mut().http();
    let (response, transmission) = Response::from_http(http.hooks, response);
    // The receiver is gone if the guest does not wait for the outcome.
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
