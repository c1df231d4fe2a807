//! A request as the guests look at it, and a whole answer.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The field in which the host passes what a wildcard route matched.
const PATH_INFO: &str = "spin-path-info";

/// The head of a request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method as it came on the wire.
    pub method: String,
    /// The path behind the route, so that a guest answers alike wherever it is mounted.
    pub path: String,
    /// The decoded parameters of the query, in their order.
    pub query: Vec<(String, String)>,
    /// Field names in lower case with their values, in the order received.
    pub headers: Vec<(String, String)>,
}

impl Call {
    /// Reads the head of a request. The path is what the parameter `as` says, for routes without a wildcard; else
    /// what follows the route, when the host passes it; else the whole path.
    #[must_use]
    pub fn new(method: &str, path_and_query: &str, headers: Vec<(String, String)>) -> Self {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let query: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(parameter)
            .collect();
        let asked = query.iter().find(|(name, _)| name == "as");
        let info = headers.iter().find(|(name, _)| name == PATH_INFO);
        let path = asked
            .or(info)
            .map_or(path, |(_, value)| value.as_str())
            .to_owned();
        Self {
            method: method.to_owned(),
            path,
            query,
            headers,
        }
    }

    /// The segments of the path that are not empty.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect()
    }

    /// The first value of a query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A query parameter as a number; a missing or unreadable one is `default`.
    #[must_use]
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.parameter(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    }

    /// All fields as JSON: each name with the list of its values, so that a doubled field shows.
    #[must_use]
    pub fn headers_json(&self) -> Value {
        let mut names = Map::new();
        for (name, value) in &self.headers {
            let values = names
                .entry(name.clone())
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = values {
                values.push(value.as_str().into());
            }
        }
        Value::Object(names)
    }
}

fn parameter(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(name), decode(value))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An answer whose content is known as a whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The fields.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Answer {
    /// Plain text.
    #[must_use]
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    /// JSON with status 200.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self {
            status: 200,
            headers,
            body: body.to_string().into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_info_wins_over_the_path() {
        let headers = vec![("spin-path-info".to_owned(), "/trap".to_owned())];
        assert_eq!(
            Call::new("GET", "/mounted/trap", headers).segments(),
            ["trap"]
        );
    }

    #[test]
    fn the_parameter_as_wins_over_the_path_info() {
        let headers = vec![("spin-path-info".to_owned(), String::new())];
        assert_eq!(
            Call::new("GET", "/exact?as=/env", headers).segments(),
            ["env"]
        );
    }

    #[test]
    fn query_parameters_are_decoded() {
        let call = Call::new("GET", "/chain?url=http%3A%2F%2Fa%2Fb&n=3", Vec::new());
        assert_eq!(call.parameter("url"), Some("http://a/b"));
        assert_eq!(call.number("n", 0), 3);
    }

    #[test]
    fn a_doubled_field_shows_both_values() {
        let field = |value: &str| ("a".to_owned(), value.to_owned());
        let call = Call::new("GET", "/", vec![field("1"), field("2")]);
        assert_eq!(call.headers_json().to_string(), r#"{"a":["1","2"]}"#);
    }
}
