//! A client of the API, with one host for its life.

use serde_json::{Value, json};
use terrace_sdk::testing::{Answer, Host};
use terrace_sdk::{Body, Request};

pub(super) const PASSWORD: &str = "password123";

pub(super) struct Api {
    pub(super) host: Host,
}

/// A response, its content read as JSON (`null` if there is none).
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) json: Value,
    pub(super) answer: Answer,
}

impl Reply {
    /// The first fault of a field.
    pub(super) fn fault(&self, field: &str) -> &str {
        self.json["errors"][field][0].as_str().unwrap_or("")
    }
}

impl Api {
    pub(super) fn new() -> Self {
        Self {
            host: Host::new().variable("jwt_secret", "a secret for tests of at least 32 bytes"),
        }
    }

    /// The same where somebody delivers events.
    pub(super) fn with_events() -> Self {
        let Self { host } = Self::new();
        Self {
            host: host.variable("events", "on"),
        }
    }

    pub(super) fn send(&self, request: Request) -> Reply {
        let answer = self.host.call(crate::handle, request);
        let json = serde_json::from_slice(&answer.content).unwrap_or(Value::Null);
        Reply {
            status: answer.status.as_u16(),
            json,
            answer,
        }
    }

    fn call(&self, method: &str, path: &str, token: &str, content: Body) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Token {token}"));
        }
        self.send(request.body(content).unwrap())
    }

    pub(super) fn get(&self, path: &str, token: &str) -> Reply {
        self.call("GET", path, token, Body::empty())
    }

    pub(super) fn delete(&self, path: &str, token: &str) -> Reply {
        self.call("DELETE", path, token, Body::empty())
    }

    pub(super) fn post(&self, path: &str, token: &str, content: &Value) -> Reply {
        self.call("POST", path, token, content.to_string().into())
    }

    pub(super) fn put(&self, path: &str, token: &str, content: &Value) -> Reply {
        self.call("PUT", path, token, content.to_string().into())
    }

    /// Signs a user up and gives the token.
    pub(super) fn user(&self, username: &str) -> String {
        let email = format!("{username}@example.com");
        let reply = self.post(
            "/users",
            "",
            &json!({"user": {"username": username, "email": email, "password": PASSWORD}}),
        );
        assert_eq!(reply.status, 201, "{}", reply.json);
        reply.json["user"]["token"].as_str().unwrap().to_owned()
    }

    /// Publishes an article and gives the slug.
    pub(super) fn article(&self, token: &str, title: &str, tags: &[&str]) -> String {
        let content = json!({"article": {"title": title, "description": "About it", "body": "All of it", "tagList": tags}});
        let reply = self.post("/articles", token, &content);
        assert_eq!(reply.status, 201, "{}", reply.json);
        reply.json["article"]["slug"].as_str().unwrap().to_owned()
    }

    /// Writes a comment and gives its id.
    pub(super) fn comment(&self, token: &str, slug: &str, body: &str) -> i64 {
        let reply = self.post(
            &format!("/articles/{slug}/comments"),
            token,
            &json!({"comment": {"body": body}}),
        );
        assert_eq!(reply.status, 201, "{}", reply.json);
        reply.json["comment"]["id"].as_i64().unwrap()
    }
}
