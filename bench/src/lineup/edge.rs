//! The contestants as reverse proxies and as listeners for `https`, and Terrace's aims.

use std::{
    fs,
    net::SocketAddr,
    process::{Command, Stdio},
};

use super::Lineup;
use super::cache::Asked;
use crate::{
    Outcome,
    apps::{WITHOUT_ACCESS_LOG, WITHOUT_CACHE},
    contestant::{CERTIFICATE, Contestant, KEY, Kind, free_address},
};

/// The aim for Terrace compared with nginx.
const AIM_OF_NGINX: f64 = 1.0;

/// The same compared with HAProxy.
const AIM_OF_HAPROXY: f64 = 0.75;

/// The responses that are passed on.
pub(crate) const PASSED_ON: [Asked; 2] = [
    Asked {
        title: "proxy, 1 KiB",
        path: "/bytes/1024",
    },
    Asked {
        title: "proxy, 64 KiB",
        path: "/bytes/65536",
    },
];

/// The response that clients with TLS and HTTP/2 request again and again.
pub(crate) const SECURE_HITS: Asked = Asked {
    title: "https, hits of 1 KiB, HTTP/2",
    path: "/bytes/1024",
};

impl Lineup<'_> {
    /// The proxies in front of `origin`, none of which keeps responses.
    pub(crate) fn proxies(&self, origin: SocketAddr, asked: Asked) -> Outcome<Vec<Contestant>> {
        let edge = Kind::TerraceEdge {
            origins: vec![origin],
        };
        let terrace = self.contestant("terrace edge", Ok(self.files.terrace.clone()), edge)?;
        fs::write(terrace.folder.join("terrace.toml"), WITHOUT_CACHE)?;
        let mut proxies = vec![
            terrace,
            Contestant {
                aim: Some(AIM_OF_NGINX),
                ..self.peer("nginx proxy_pass", "nginx", Kind::NginxProxy { origin })?
            },
            Contestant {
                aim: Some(AIM_OF_HAPROXY),
                ..self.peer("HAProxy", "haproxy", Kind::Haproxy { origin })?
            },
        ];
        self.add_other_build(&mut proxies)?;
        for proxy in &mut proxies {
            proxy.path = asked.path;
        }
        Ok(proxies)
    }

    /// Caches in front of `origin` that speak TLS and HTTP/2, with a certificate of the same kind.
    pub(crate) fn secure_caches(&self, origin: SocketAddr) -> Outcome<Vec<Contestant>> {
        let https = free_address()?;
        let edge = Kind::TerraceEdgeTls { origin, https };
        let name = "terrace edge, TLS";
        let terrace = self.contestant(name, Ok(self.files.terrace.clone()), edge)?;
        let settings = format!(
            "{WITHOUT_ACCESS_LOG}[listen]\nhttps = \"{https}\"\n[tls]\ncertificate = {CERTIFICATE:?}\nkey = {KEY:?}\n"
        );
        fs::write(terrace.folder.join("terrace.toml"), settings)?;
        let https = free_address()?;
        let nginx = Kind::NginxCacheTls { origin, https };
        let nginx = Contestant {
            aim: Some(AIM_OF_NGINX),
            ..self.peer("nginx proxy_cache, TLS", "nginx", nginx)?
        };
        let mut caches = vec![terrace, nginx];
        for cache in &mut caches {
            cache.path = SECURE_HITS.path;
            certify(cache)?;
        }
        self.add_other_build(&mut caches)?;
        Ok(caches)
    }
}

/// Makes a certificate for a contestant with `openssl`, which signs itself: the load generator does not check it.
fn certify(contestant: &Contestant) -> Outcome {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(&contestant.folder);
    openssl.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-subj", "/CN=bench.example"]);
    openssl.args(["-addext", "subjectAltName=DNS:bench.example,IP:127.0.0.1"]);
    openssl.args(["-keyout", KEY, "-out", CERTIFICATE]);
    let output = openssl.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    Err(format!("openssl made no certificate: {}", printed.trim_end()).into())
}
