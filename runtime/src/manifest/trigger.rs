//! Reads `[[trigger.http]]`. The router parses the routes.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::component::{ReadComponent, component};
use super::reader::Reader;
use super::{Route, StaticResponse, Target, Trigger};
use crate::document::{Table, Value};
use crate::fault::{Reason, did_you_mean};
use crate::router::RoutePattern;

/// The header fields that only the server may set, because they decide where a response ends.
const FRAMING: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];

/// A trigger, with its route's place in the manifest.
pub(super) struct ReadTrigger<'d> {
    /// The trigger.
    pub(super) trigger: Trigger,
    /// The place of its route.
    pub(super) route: Value<'d>,
}

/// The triggers, in the order of the manifest. Inline components are added to `components`.
pub(super) fn triggers<'d>(
    reader: &mut Reader<'d>,
    root: &Table<'d>,
    components: &mut Vec<ReadComponent<'d>>,
) -> Vec<ReadTrigger<'d>> {
    let help = "add a `[[trigger.http]]` with `route` and `component`";
    let table = root.required("trigger", help);
    let Some(table) = table.and_then(|value| value.table("[trigger]")) else {
        return Vec::new();
    };
    let http = table.get("http").and_then(|value| value.list());
    for kind in ["redis", "mqtt", "cron", "sqs", "timer", "command"] {
        other_kind(&table, kind);
    }
    table.finish();
    let read = |value: Value<'d>| trigger(reader, &value.table("[[trigger.http]]")?, components);
    http.unwrap_or_default()
        .into_iter()
        .filter_map(read)
        .collect()
}

fn other_kind(table: &Table<'_>, kind: &'static str) {
    if let Some(value) = table.get(kind) {
        let message = format!("this version of Terrace has no `{kind}` triggers");
        value.report_key(Reason::new(message).help("only `[[trigger.http]]` is served"));
    }
}

fn trigger<'d>(
    reader: &mut Reader<'d>,
    table: &Table<'d>,
    components: &mut Vec<ReadComponent<'d>>,
) -> Option<ReadTrigger<'d>> {
    let id = table.string("id").unwrap_or_default();
    executor(table);
    let target = target(reader, id, table, components);
    let help =
        "add `route = \"/…\"`, or `route = { private = true }` for calls from other components";
    let place = table.required("route", help);
    let route = place.as_ref().and_then(route);
    table.finish();
    let (route, target) = (route?, target?);
    Some(ReadTrigger {
        trigger: Trigger { route, target },
        route: place?,
    })
}

fn executor(table: &Table<'_>) {
    let Some(executor) = table.table("executor", "`executor`") else {
        return;
    };
    let help = "add `type = \"http\"`, or remove `executor`";
    let kind = executor.required("type", help);
    let text = kind.as_ref().and_then(Value::string);
    let (Some(kind), Some(text)) = (kind, text) else {
        return;
    };
    match text {
        "http" => executor.finish(),
        // Other keys of `executor` belong to Wagi. One report is enough.
        "wagi" => kind.report(
            Reason::new("Wagi, which is HTTP by CGI, is not supported")
                .help("export `wasi:http` instead and remove `executor`"),
        ),
        _ => {
            kind.report(
                Reason::new(format!("unknown executor `{text}`")).help("remove `executor`"),
            );
        }
    }
}

fn route(value: &Value<'_>) -> Option<Route> {
    if !value.is_table() {
        return value.parsed(RoutePattern::parse).map(Route::Path);
    }
    let table = value.table("`route`")?;
    let private = table.get("private");
    table.finish();
    if private.as_ref()?.boolean()? {
        return Some(Route::Private);
    }
    let help = "write `route = { private = true }`, or a path";
    value.report(Reason::new("`private = false` is not a route").help(help));
    None
}

fn target<'d>(
    reader: &mut Reader<'d>,
    id: &str,
    table: &Table<'d>,
    components: &mut Vec<ReadComponent<'d>>,
) -> Option<Target> {
    match (table.get("component"), table.get("static_response")) {
        (Some(value), None) if value.is_table() => {
            let id = inline_id(id, components.len());
            let table = value.table("the component of [[trigger.http]]")?;
            components.push(component(reader, &id, &table));
            Some(Target::Component(components.len() - 1))
        }
        (Some(value), None) => reference(&value, components),
        (None, Some(value)) => static_response(&value).map(Target::Static),
        (both, _) => {
            let (has, help) = match both {
                Some(_) => ("both", "remove one of `component` and `static_response`"),
                None => ("neither", "add `component = \"…\"`"),
            };
            let message =
                format!("a trigger has either `component` or `static_response`, here it has {has}");
            table.report(Reason::new(message).help(help));
            None
        }
    }
}

/// The id of an inline component.
fn inline_id(trigger: &str, index: usize) -> String {
    match trigger {
        "" => format!("inline-{index}"),
        trigger => format!("{trigger}-component"),
    }
}

fn reference(value: &Value<'_>, components: &[ReadComponent<'_>]) -> Option<Target> {
    let id = value.string()?;
    let mut ids = components.iter().map(|read| read.component.id.as_str());
    if let Some(index) = ids.position(|known| known == id) {
        return Some(Target::Component(index));
    }
    let ids: Vec<_> = components
        .iter()
        .map(|read| read.component.id.as_str())
        .collect();
    let help = did_you_mean(id, &ids, "components");
    value.report(Reason::new(format!("unknown component `{id}`")).help(help));
    None
}

fn static_response(value: &Value<'_>) -> Option<StaticResponse> {
    let table = value.table("`static_response`")?;
    let status = table
        .get("status_code")
        .and_then(|value| value.number(200, 599));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let response = StaticResponse {
        status: status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or_default(),
        headers: headers(&table),
        body: table.string("body").unwrap_or_default().to_owned(),
    };
    table.finish();
    Some(response)
}

fn headers(table: &Table<'_>) -> HeaderMap {
    let entries = table
        .table("headers", "`headers`")
        .map(|map| map.string_entries());
    let mut headers = HeaderMap::new();
    for (entry, text) in entries.unwrap_or_default() {
        match (
            HeaderName::try_from(entry.key()),
            HeaderValue::try_from(text),
        ) {
            (Ok(name), _) if FRAMING.contains(&name) => {
                let reason = Reason::new(format!("`{name}` is written by the server"));
                entry.report_key(reason.help("remove it"));
            }
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            (Err(_), _) => entry.report_key(format!("`{}` is not a header name", entry.key())),
            (_, Err(_)) => entry.report("control characters cannot stand in a header"),
        }
    }
    headers
}
