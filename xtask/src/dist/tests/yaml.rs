//! Reads YAML with the modules of Python that check it.

use super::*;
use serde_json::Value;

/// Python that finds the validators.
pub(super) fn python() -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", wheel::validators().unwrap());
    // jsonschema's command line is to go some day. The version is pinned.
    python.env("PYTHONWARNINGS", "ignore");
    python
}

/// The documents of a file.
pub(super) fn documents(file: &Path) -> Vec<Value> {
    let script = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let text = process::output(python().args(["-c", script]).arg(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The texts in a list.
pub(super) fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let texts = list.iter().map(|text| text.as_str().unwrap().to_owned());
    texts.collect()
}
