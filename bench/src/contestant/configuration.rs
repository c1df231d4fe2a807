//! The configuration files of the other servers.

use std::net::SocketAddr;

/// The file of a certificate, in the folder of a contestant.
pub(crate) const CERTIFICATE: &str = "certificate.pem";

/// The file of its key.
pub(crate) const KEY: &str = "key.pem";

/// workerd's hello, with the header fields of the other servers.
pub(super) const WORKERD_HANDLER: &str = r#"export default {
  async fetch() {
    return new Response("Hello from Terrace\n", { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
"#;

pub(super) fn workerd_config(address: SocketAddr) -> String {
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .hello)],
  sockets = [(name = "http", address = "{address}", http = (), service = "main")],
);

const hello :Workerd.Worker = (
  modules = [(name = "hello.js", esModule = embed "hello.js")],
  compatibilityDate = "2026-01-01",
);
"#
    )
}

/// The module that handles requests, as worker-build names it.
pub(super) const WORKER_ENTRY: &str = "index.js";

/// A worker with conduit's bindings. D1 is workerd's own: a Durable Object on SQLite.
pub(super) fn worker_config(address: SocketAddr, modules: &[String]) -> String {
    let module = |name: &String| {
        let kind = if name.ends_with(".wasm") {
            "wasm"
        } else {
            "esModule"
        };
        format!("    (name = \"{name}\", {kind} = embed \"{name}\"),\n")
    };
    let modules: String = modules.iter().map(module).collect();
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "d1", worker = .d1),
    (name = "state", disk = (path = "state", writable = true)),
  ],
  sockets = [(name = "http", address = "{address}", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [
{modules}  ],
  bindings = [
    (name = "jwt_secret", text = "only-for-measuring-and-never-signed-with"),
    (name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [
      (name = "fetcher", service = (name = "d1", props = (json = "{{\"database\": \"conduit\"}}"))),
    ])),
  ],
  compatibilityDate = "2026-01-01",
);

const d1 :Workerd.Worker = (
  modules = [(name = "d1.js", bundled = "/workerd/d1.js")],
  bindings = [(name = "DATABASE", durableObjectNamespace = "D1Database")],
  durableObjectNamespaces = [(className = "D1Database", uniqueKey = "d1", enableSql = true)],
  durableObjectStorage = (localDisk = "state"),
  compatibilityDate = "2026-01-01",
);
"#
    )
}

/// nginx with a fixed response.
pub(super) fn nginx_config(address: SocketAddr) -> String {
    let location = r#"default_type "text/plain; charset=utf-8";
    location / { return 200 "Hello from Terrace\n"; }"#;
    nginx(address, "", location)
}

/// nginx with its cache in front of `origin`, with the usual configuration: keep-alive connections to the origin, one forward for
/// concurrent equal misses, and files that stay open. With an address for `https`, it speaks HTTP/2 there.
pub(super) fn nginx_cache_config(
    address: SocketAddr,
    https: Option<SocketAddr>,
    origin: SocketAddr,
) -> String {
    let cache = format!(
        r#"sendfile on;
  open_file_cache max=100000 inactive=60s;
  open_file_cache_valid 60s;
  proxy_cache_path state/cache levels=1:2 keys_zone=cache:64m max_size=1g inactive=1h use_temp_path=off;
  upstream origin {{ server {origin}; keepalive 64; }}"#
    );
    let location = r#"location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache cache;
      proxy_cache_lock on;
    }"#;
    let listen = https.map_or_else(String::new, |https| {
        format!(
            "listen {https} ssl http2;
    ssl_certificate {CERTIFICATE};
    ssl_certificate_key {KEY};
    http2_max_concurrent_streams 128;
    "
        )
    });
    nginx(address, &cache, &format!("{listen}{location}"))
}

/// nginx in front of `origin`, with keep-alive connections.
pub(super) fn nginx_proxy_config(address: SocketAddr, origin: SocketAddr) -> String {
    let upstream = format!("upstream origin {{ server {origin}; keepalive 64; }}");
    let location = r#"location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }"#;
    nginx(address, &upstream, location)
}

/// nginx with the files in the folder `www`, which it keeps open.
pub(super) fn nginx_files_config(address: SocketAddr) -> String {
    let files = "sendfile on;
  open_file_cache max=100000 inactive=60s;
  open_file_cache_valid 60s;";
    let location = r#"default_type "application/octet-stream";
    location / { root www; }"#;
    nginx(address, files, location)
}

/// HAProxy in front of `origin`, with one thread per core, which is its default, and keep-alive connections.
pub(super) fn haproxy_config(address: SocketAddr, origin: SocketAddr) -> String {
    format!(
        "defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend public
  bind {address}
  default_backend origin
backend origin
  server origin {origin}
"
    )
}

/// One worker process per core. By default, nginx would close each connection after 1,000 requests; the other servers keep them.
fn nginx(address: SocketAddr, settings: &str, location: &str) -> String {
    // If root starts nginx, its workers run as another user, who cannot read root's folders. Other users may not set `user`;
    // nginx ignores it with a warning.
    format!(
        r#"daemon off;
user root;
pid nginx.pid;
worker_processes auto;
events {{}}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path state/body;
  proxy_temp_path state/proxy;
  fastcgi_temp_path state/fastcgi;
  uwsgi_temp_path state/uwsgi;
  scgi_temp_path state/scgi;
  {settings}
  server {{
    listen {address};
    {location}
  }}
}}
"#
    )
}
