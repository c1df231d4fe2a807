//! The smallest function: it answers every request with one sentence.

/// Answers with a greeting as plain text.
pub async fn handle() -> &'static str {
    "Hello from Terrace\n"
}

terrace_sdk::export!(handle);

#[cfg(test)]
mod tests {
    use terrace_sdk::testing::Host;
    use terrace_sdk::{Body, Request};

    #[test]
    fn hello_is_plain_text() {
        let answer = Host::new().call(super::handle, Request::new(Body::empty()));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.text(), "Hello from Terrace\n");
    }
}
