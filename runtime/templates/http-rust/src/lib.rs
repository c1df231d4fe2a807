//! Greets whoever the path names.

use terrace_sdk::Request;

/// Answers `GET /ada` with `Hello, ada!`, and `GET /` with `Hello, world!`.
pub async fn handle(request: Request) -> String {
    let name = match request.uri().path().trim_matches('/') {
        "" => "world",
        name => name,
    };
    format!("Hello, {name}!\n")
}

terrace_sdk::export!(handle);

#[cfg(test)]
mod tests {
    use terrace_sdk::testing::Host;
    use terrace_sdk::{Body, Request};

    fn greeting(path: &str) -> String {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        Host::new().call(super::handle, request).text()
    }

    #[test]
    fn greets_the_world_or_whoever_is_named() {
        assert_eq!(greeting("/"), "Hello, world!\n");
        assert_eq!(greeting("/ada"), "Hello, ada!\n");
    }
}
