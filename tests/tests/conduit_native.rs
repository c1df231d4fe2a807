//! Promise: the sample app is the same whole API as native code, which is how `cargo test` checks it.

use terrace_sdk::testing::Host;
use terrace_tests::realworld::Api;
use terrace_tests::target::native::Native;

async fn native() -> (Native, Api) {
    let host = || {
        Host::new().variable(
            "jwt_secret",
            "a secret of the tests, long enough to sign with",
        )
    };
    let native = Native::start(conduit::handle, host);
    let api = Api::new(&format!("{}/api", native.http));
    (native, api)
}

terrace_tests::realworld_tests!(native);
