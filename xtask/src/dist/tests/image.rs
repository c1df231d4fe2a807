//! The OCI image has what it should, and its content runs.

use super::*;
use serde_json::Value;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::child::Program;

/// The time for a server to start, which compiles its app.
const MAX_START_TIME: Duration = Duration::from_secs(120);

/// The time for an answer.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(30);

/// The metric by which Kubernetes scales.
pub(super) const IN_FLIGHT: &str = "terrace_requests_in_flight";

const STATIC: &str = "
spin_manifest_version = 2
[application]
name = 'image'
[[trigger.http]]
route = '/static'
static_response = { body = 'from the image' }
";

/// It has a time zone, which comes from the image too.
const HELLO: &str = "
[[trigger.http]]
route = '/hello'
component = 'hello'
[component.hello]
source = 'hello.wasm'
[[component.hello.tool.terrace.schedules]]
name = 'yearly'
cron = '0 0 1 1 *'
timezone = 'Europe/Vienna'
";

/// An image that was made and unpacked.
struct Image {
    folder: tempfile::TempDir,
    configuration: Value,
}

impl Image {
    fn of(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Without the package and the archive, which take a while for a program that was not optimised.
        let tree = folder.path().join("tree");
        lay_out(&workspace(), program, &tree).unwrap();
        let program = tree.join(PROGRAM);
        let image = super::super::image::make(&workspace(), &program, folder.path(), "0").unwrap();
        let layout = folder.path().join("unpacked");
        fs::create_dir(&layout).unwrap();
        let mut tar = Command::new("tar");
        tar.arg("--extract").arg("--file").arg(image);
        process::run(tar.arg("--directory").arg(&layout)).unwrap();
        let name = format!("{}:{}", layout.display(), env!("CARGO_PKG_VERSION"));
        let mut umoci = Command::new("umoci");
        umoci.args(["unpack", "--image", &name]);
        if !is_root() {
            umoci.arg("--rootless");
        }
        process::run(umoci.arg(folder.path().join("bundle"))).unwrap();
        let configuration = configuration(&layout);
        Self {
            folder,
            configuration,
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("bundle/rootfs")
    }

    /// The program in the image, which sees nothing but the image, as the user of the image.
    fn command(&self) -> Command {
        let mut command = if is_root() {
            let mut chroot = Command::new("chroot");
            let user = self.configuration["User"].as_str().unwrap();
            chroot.arg(format!("--userspec={user}"));
            chroot
        } else {
            let mut unshare = Command::new("unshare");
            unshare.args(["--map-root-user", "chroot"]);
            unshare
        };
        command.arg(self.root()).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(yaml::texts(&self.configuration["Entrypoint"]));
        command
    }

    /// Starts a server in it, and gives the addresses for clients and of the admin listener.
    fn start(&self, arguments: &[String]) -> (Program, String, String) {
        let mut command = self.command();
        command.args(arguments);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--json",
        ]);
        let mut server = Program::start(&mut command).unwrap();
        let address = |text: &Value| Some(text.as_str()?.strip_prefix("http://")?.to_owned());
        let addresses = server.wait_for("ready", MAX_START_TIME, |line| {
            Some((address(&line["http"])?, address(&line["admin"])?))
        });
        let (http, admin) = addresses.unwrap();
        (server, http, admin)
    }
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).unwrap() == "0"
}

/// The configuration in a layout.
fn configuration(layout: &Path) -> Value {
    let read =
        |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        read(layout.join("blobs").join(digest.replace(':', "/")))
    };
    let index = read(layout.join("index.json"));
    let image = blob(&blob(&index["manifests"][0])["config"]);
    image["config"].clone()
}

/// The answer to a GET, with its head.
fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(MAX_ANSWER_TIME)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    answer
}

/// Puts an app into the image. Returns whether it has a component, which is so where guests were built.
fn put_app(image: &Image) -> bool {
    let folder = image.root().join("srv/terrace");
    let guest = env::var_os("TERRACE_GUESTS").map(|guests| Path::new(&guests).join("hello.wasm"));
    let mut manifest = STATIC.to_owned();
    if let Some(guest) = &guest {
        fs::copy(guest, folder.join("hello.wasm")).unwrap();
        manifest.push_str(HELLO);
    }
    fs::write(folder.join("spin.toml"), manifest).unwrap();
    fs::write(image.root().join("etc/hosts"), "127.0.0.1 node.test\n").unwrap();
    guest.is_some()
}

/// What the image's user owns: the state folder, and what is in it.
fn check_owners(image: &Image) {
    let mut find = Command::new("find");
    let outside = ["-user", "65532", "-not", "-path", "*/var/lib/terrace*"];
    let found = process::output(find.arg(image.root()).args(outside)).unwrap();
    assert_eq!(found, "");
}

#[test]
fn content_of_the_image_serves_an_app_and_an_edge_by_itself() {
    let image = Image::of(&program());
    let zone = image.root().join("usr/share/zoneinfo/Europe/Berlin");
    assert!(fs::read(zone).unwrap().starts_with(b"TZif"));
    let mut configuration = image.configuration.clone();
    let labels = configuration.as_object_mut().unwrap().remove("Labels");
    let version = "org.opencontainers.image.version";
    assert_eq!(labels.unwrap()[version], env!("CARGO_PKG_VERSION"));
    assert_eq!(configuration, container::configuration());

    let has_component = put_app(&image);
    let command = yaml::texts(&image.configuration["Cmd"]);
    let (_node, http, admin) = image.start(&command);
    assert!(get(&http, "/static").ends_with("from the image"));
    if has_component {
        get(&http, "/hello");
    }
    for page in ["/livez", "/readyz"] {
        get(&admin, page);
    }
    let metrics = get(&admin, "/metrics");
    assert!(metrics.contains(&format!("{IN_FLIGHT}{{")), "{metrics}");
    process::run(image.command().args(["ready", "--admin", &admin])).unwrap();

    // By a name: the C library finds it without the files that a Debian machine has for that.
    let port = http.rsplit_once(':').unwrap().1;
    let origin = format!("http://node.test:{port}");
    let state = "/var/lib/terrace/edge";
    let edge = ["edge", "--origin", &origin, "--state-dir", state];
    let (_edge, http, _) = image.start(&edge.map(ToOwned::to_owned));
    assert!(get(&http, "/static").ends_with("from the image"));
    if is_root() {
        check_owners(&image);
    }
}

#[test]
fn the_same_input_gives_the_same_image() {
    let sum = || {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            program: Some("/bin/true".into()),
            output: Some(folder.path().to_owned()),
            image: true,
        };
        let files = make(&workspace(), &options).unwrap();
        let sums = fs::read_to_string(files.last().unwrap()).unwrap();
        assert_eq!(sums.lines().count(), 3, "{sums}");
        sums
    };
    assert_eq!(sum(), sum());
}
