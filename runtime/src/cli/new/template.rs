//! What a project begins with. The files are in `runtime/templates/`, and part of this command.

use std::path::Path;

use clap::ValueEnum;

/// A file of a template: its path in the project, and its text.
pub(super) type TemplateFile = (&'static str, &'static str);

macro_rules! template_files {
    ($template:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../templates/", $template, "/", $file)))),+]
    };
}

const HTTP_RUST: &[TemplateFile] = template_files!(
    "http-rust": ".gitignore", "Cargo.toml", "README.md", "spin.toml", "src/lib.rs",
);

/// What Cloudflare needs besides, of any function.
const WORKER: &[TemplateFile] =
    template_files!("worker": "build-worker.sh", "package.json", "wrangler.toml");

/// What a project begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// An HTTP handler in Rust, with a test
    HttpRust,
}

impl Template {
    /// Its files.
    pub(super) fn files(self) -> &'static [TemplateFile] {
        match self {
            Self::HttpRust => HTTP_RUST,
        }
    }
}

/// Where a project runs besides Terrace and Spin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Cloudflare, by `wrangler`
    Worker,
}

impl Target {
    /// The files that it adds to a project.
    pub(super) fn files(self) -> &'static [TemplateFile] {
        match self {
            Self::Worker => WORKER,
        }
    }
}

/// What takes the place of the words in double braces.
pub(super) struct Values<'v> {
    /// `{{name}}`, and as `{{crate}}` the same as rustc spells it.
    pub(super) name: &'v str,
    /// `{{sdk}}`: the folder of the crate, as a TOML string.
    pub(super) sdk: &'v Path,
}

impl Values<'_> {
    /// The text of a file.
    pub(super) fn render(&self, text: &str) -> String {
        // JSON's strings are TOML's.
        let sdk = serde_json::Value::from(self.sdk.to_string_lossy());
        text.replace("{{name}}", self.name)
            .replace("{{crate}}", &self.name.replace('-', "_"))
            .replace("\"{{sdk}}\"", &sdk.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_in_braces_gets_its_value() {
        let files = Template::HttpRust.files().iter();
        for (file, text) in files.chain(Target::Worker.files()) {
            let values = Values {
                name: "user-api",
                sdk: Path::new("/the \"sdk\""),
            };
            let text = values.render(text);
            assert!(!text.contains("{{"), "{file}: {text}");
        }
    }

    #[test]
    fn folders_with_strange_names_stay_toml() {
        let sdk = Path::new("/a \"b\"\\c\n");
        let values = Values { name: "shop", sdk };
        let text = values.render("path = \"{{sdk}}\"");
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["path"].as_str(), sdk.to_str());
    }
}
