//! How `wrangler.toml` grants capabilities to a Worker: the binding for each label of `spin.toml`.
//!
//! A binding is `KIND_LABEL` in upper case; for the label `default` it is the kind alone.

/// The label whose binding is the kind alone.
const DEFAULT_LABEL: &str = "default";

/// The binding of a key-value store: `KV`, `KV_SESSIONS`.
pub(crate) fn store_binding(label: &str) -> String {
    binding("KV", label)
}

/// The binding of a database: `DB`, `DB_ORDERS`.
pub(crate) fn database_binding(label: &str) -> String {
    binding("DB", label)
}

/// The binding of another component: `SERVICE_HELLO`.
pub(crate) fn service_binding(component: &str) -> String {
    binding("SERVICE", component)
}

/// The binding of a queue: `QUEUE_MAIL`.
pub(crate) fn queue_binding(name: &str) -> String {
    binding("QUEUE", name)
}

/// The beginning of the variables that name the cron triggers: `SCHEDULE_DIGEST`.
pub(crate) const SCHEDULE: &str = "SCHEDULE_";

/// The variable that names the databases with an outbox.
pub(crate) const OUTBOX: &str = "OUTBOX";

/// What to write for a cron trigger that no variable names.
pub(crate) fn schedule(cron: &str) -> String {
    format!(
        "add {SCHEDULE}NAME = {cron:?} to [vars] of wrangler.toml, with the name of the schedule, or {OUTBOX} = \"default\" if it is for the outbox of a database"
    )
}

fn binding(kind: &str, label: &str) -> String {
    if label == DEFAULT_LABEL {
        return kind.to_owned();
    }
    let label = label.replace(|character: char| !character.is_ascii_alphanumeric(), "_");
    format!("{kind}_{}", label.to_ascii_uppercase())
}

pub(crate) fn variable(name: &str) -> String {
    format!(
        "add {name} = \"...\" to [vars] in wrangler.toml; a secret is set with `npx wrangler secret put {name}`, and for `wrangler dev` by the line {name}=... in .dev.vars"
    )
}

/// What to write for a variable whose value is not a string.
pub(crate) fn string_variable(name: &str) -> String {
    format!("put its value in [vars] of wrangler.toml in quotes: {name} = \"...\"")
}

pub(crate) fn store(label: &str) -> String {
    format!(
        "add [[kv_namespaces]] with binding = \"{}\" to wrangler.toml",
        store_binding(label)
    )
}

pub(crate) fn database(label: &str) -> String {
    format!(
        "add [[d1_databases]] with binding = \"{}\" to wrangler.toml",
        database_binding(label)
    )
}

/// Only components need a grant. A Worker may send requests to any other server.
pub(crate) fn host(target: &str) -> String {
    let component = component(target).unwrap_or(target);
    format!(
        "add [[services]] with binding = \"{}\" and service = {component:?} to wrangler.toml",
        service_binding(component)
    )
}

pub(crate) fn queue(name: &str) -> String {
    format!(
        "add [[queues.producers]] with binding = \"{}\" and queue = {name:?} to wrangler.toml",
        queue_binding(name)
    )
}

/// The component in a URL for service chaining: `hello` in `http://hello.spin.internal`.
pub(crate) fn component(target: &str) -> Option<&str> {
    target
        .strip_prefix("http://")?
        .strip_suffix(".spin.internal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_label_is_the_kind_alone() {
        assert_eq!(database_binding("default"), "DB");
        assert_eq!(store_binding("default"), "KV");
    }

    #[test]
    fn any_other_label_follows_the_kind_in_upper_case() {
        assert_eq!(database_binding("orders"), "DB_ORDERS");
        assert_eq!(store_binding("user-sessions"), "KV_USER_SESSIONS");
        assert_eq!(queue_binding("mail"), "QUEUE_MAIL");
        assert_eq!(service_binding("hello"), "SERVICE_HELLO");
    }

    #[test]
    fn a_missing_service_is_asked_for_by_its_component() {
        assert_eq!(
            host("http://hello.spin.internal"),
            "add [[services]] with binding = \"SERVICE_HELLO\" and service = \"hello\" to wrangler.toml"
        );
    }

    #[test]
    fn each_grant_names_the_line_and_the_file() {
        for (advice, line) in [
            (store("default"), "[[kv_namespaces]] with binding = \"KV\""),
            (
                database("orders"),
                "[[d1_databases]] with binding = \"DB_ORDERS\"",
            ),
            (
                queue("mail"),
                "binding = \"QUEUE_MAIL\" and queue = \"mail\"",
            ),
            (
                schedule("0 7 * * *"),
                "SCHEDULE_NAME = \"0 7 * * *\" to [vars]",
            ),
            (variable("key"), "key = \"...\" to [vars]"),
            (string_variable("limit"), "in quotes: limit = \"...\""),
        ] {
            assert!(advice.contains(line), "{advice}");
            assert!(advice.contains("wrangler.toml"), "{advice}");
        }
    }

    #[test]
    fn only_names_of_service_chaining_are_components() {
        assert_eq!(component("http://hello.spin.internal"), Some("hello"));
        assert_eq!(component("https://hello.spin.internal"), None);
        assert_eq!(component("http://example.com"), None);
    }
}
