//! Writes the apps that `terrace up` serves in the bench.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// `terrace.toml` without an access log: the other servers write none either.
pub(crate) const WITHOUT_ACCESS_LOG: &str = "[log]\naccess = \"off\"\n";

/// `terrace.toml` with an access log, as by default.
pub(crate) const WITH_ACCESS_LOG: &str = "[log]\naccess = \"json\"\n";

/// `terrace.toml` without an access log and without the cache.
pub(crate) const WITHOUT_CACHE: &str = "[log]\naccess = \"off\"\n[cache]\nmemory = \"off\"\n";

/// `terrace.toml` without an access log, and with a cache that is soon full, as in use. Then a miss also evicts, and reuses the
/// memory of another response. New memory would be slower than everything measured here: on a virtual machine, the host
/// provides it page by page when it is first touched.
pub(crate) const WITH_A_FULL_CACHE: &str = "[log]\naccess = \"off\"\n[cache]\nmemory = \"16MiB\"\n";

/// `terrace.toml` without an access log, and with a cache that also stores files of 10 MiB. By default the largest response depends on
/// the number of workers: with two, it has 8 MiB.
pub(crate) const WITH_LARGE_RESPONSES: &str =
    "[log]\naccess = \"off\"\n[cache]\nmax_response = \"16MiB\"\n";

/// An app.
#[derive(Debug)]
pub(crate) struct App {
    manifest: String,
    settings: String,
}

impl App {
    /// An app without functions.
    pub(crate) fn new(settings: &str) -> Self {
        let manifest =
            "spin_manifest_version = 2\n[application]\nname = \"bench\"\nversion = \"1.0.0\"\n";
        Self {
            manifest: manifest.to_owned(),
            settings: settings.to_owned(),
        }
    }

    /// Adds the function in `component` at `route`. `keys` are further keys of its table, and further tables.
    pub(crate) fn with(mut self, id: &str, route: &str, component: &Path, keys: &str) -> Self {
        let trigger = format!("[[trigger.http]]\nroute = {route:?}\ncomponent = {id:?}\n");
        let table = format!("[component.{id}]\nsource = {component:?}\n{keys}\n");
        self.manifest.push_str(&trigger);
        self.manifest.push_str(&table);
        self
    }

    /// Writes the app into a folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("spin.toml"), &self.manifest)?;
        fs::write(folder.join("terrace.toml"), &self.settings)
    }
}

/// Hello with an instance for each request.
pub(crate) const FRESH: &str = "[component.hello.tool.terrace]\nreuse = \"fresh\"\n";

/// Requests that a node of the part `nodes` works on at once.
pub(crate) const WAITING_AT_ONCE: u32 = 4;

/// A function that has [`WAITING_AT_ONCE`] requests at once, and others wait.
pub(crate) const WAITING: &str = "[component.faults.tool.terrace]\nconcurrency = 4\nqueue = 1000\n";

/// Conduit as the sample app grants it.
pub(crate) const CONDUIT: &str = "sqlite_databases = [\"default\"]\n\
    [component.conduit.variables]\njwt_secret = \"only-for-measuring-and-never-signed-with\"\n";

/// The function `hello` as the consumer of the queue `mail`, with as many messages at once as the load has connections.
pub(crate) const MAIL_CONSUMER: &str =
    "[[component.hello.tool.terrace.consumes]]\nqueue = \"mail\"\nconcurrency = 32\n";

/// The guest `relay` as the sender of messages to that queue.
pub(crate) const MAIL_SENDER: &str = "allowed_outbound_hosts = [\"http://mail.queue.internal\"]\n";

/// The function `assets` with the files in the folder `www`.
pub(crate) const ASSETS: &str = "files = [{ source = \"www\", destination = \"/\" }]\n\
    [component.assets.tool.terrace]\ntimeout = \"1h\"\nmemory = \"64MiB\"\n";

/// An app of `count` functions at `/f0`, `/f1` and so on. Each is a copy of `component` with different content.
pub(crate) fn distinct_functions(folder: &Path, component: &Path, count: usize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let bytes = fs::read(component)?;
    let mut app = App::new(WITHOUT_ACCESS_LOG);
    let mut id = String::new();
    for number in 0..count {
        id.clear();
        write!(id, "f{number}").map_err(io::Error::other)?;
        let copy: PathBuf = folder.join(&id).with_extension("wasm");
        fs::write(&copy, [&bytes[..], &custom_section(&id)].concat())?;
        app = app.with(&id, &format!("/{id}"), &copy, "");
    }
    app.write(folder)
}

/// A section that engines skip: id 0, its size, and its name, each size in LEB128, which is one byte below 128.
fn custom_section(name: &str) -> Vec<u8> {
    let name_size = u8::try_from(name.len()).unwrap_or(u8::MAX).min(126);
    let name = &name.as_bytes()[..usize::from(name_size)];
    [&[0, name_size + 1, name_size], name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_section_is_id_size_and_name() {
        assert_eq!(custom_section("f12"), [0, 4, 3, b'f', b'1', b'2']);
    }

    #[test]
    fn copies_differ_and_keep_what_they_are_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("hello.wasm");
        fs::write(&original, b"\0asm").unwrap();
        distinct_functions(folder.path(), &original, 2).unwrap();
        let [first, second] =
            ["f0.wasm", "f1.wasm"].map(|name| fs::read(folder.path().join(name)).unwrap());
        assert!(first.starts_with(b"\0asm") && second.starts_with(b"\0asm") && first != second);
        let manifest = fs::read_to_string(folder.path().join("spin.toml")).unwrap();
        assert!(manifest.contains("route = \"/f1\"\ncomponent = \"f1\""));
    }
}
