//! How `spin.toml` grants capabilities to a component.

pub(crate) fn variable(name: &str) -> String {
    format!("declare {name} in [component.NAME.variables] of spin.toml")
}

pub(crate) fn store(label: &str) -> String {
    format!("add {label:?} to key_value_stores in spin.toml")
}

pub(crate) fn database(label: &str) -> String {
    format!("add {label:?} to sqlite_databases in spin.toml")
}

pub(crate) fn host(target: &str) -> String {
    format!("add {target:?} to allowed_outbound_hosts in spin.toml")
}

pub(crate) fn queue(name: &str) -> String {
    host(&format!("http://{name}.queue.internal"))
}
