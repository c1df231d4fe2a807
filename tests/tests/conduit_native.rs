//! Promise: the sample app is the same whole API as native code, which is how `cargo test` checks it.

use terrace_tests::realworld::Api;
use terrace_tests::target::native::Native;

async fn native() -> (Native, Api) {
    let native = Native::conduit();
    let api = Api::new(&format!("{}/api", native.http));
    (native, api)
}

terrace_tests::realworld_tests!(native);
