//! The contestants as HTTP caches, and Terrace's aims.

use std::{fs, net::SocketAddr};

use super::Lineup;
use crate::{
    Outcome,
    apps::{WITH_A_FULL_CACHE, WITHOUT_ACCESS_LOG, WITHOUT_CACHE},
    contestant::{Contestant, Kind},
};

/// The aim for Terrace's hits compared with nginx.
const AIM_OF_NGINX: f64 = 1.3;

/// The same compared with Varnish.
const AIM_OF_VARNISH: f64 = 1.6;

/// The aim for requests per second on one connection if each is a miss: the cache adds at most a tenth to the time.
const AIM_OF_MISSES: f64 = 0.9;

/// A request to a cache, and the beginning of the expected response.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// Its text in the title.
    pub(crate) title: &'static str,
    pub(crate) path: &'static str,
}

/// The responses that are requested again and again.
pub(crate) const HITS: [Asked; 2] = [
    Asked {
        title: "cache, hits of 1 KiB",
        path: "/bytes/1024",
    },
    Asked {
        title: "cache, hits of 64 KiB",
        path: "/bytes/65536",
    },
];

/// A response that is requested once per URL, each time with another query.
pub(crate) const MISSES: Asked = Asked {
    title: "cache, misses of 1 KiB, one connection",
    path: "/bytes/1024?",
};

/// The same from a function.
pub(crate) const MISSES_OF_CONDUIT: Asked = Asked {
    title: "cache, misses of conduit's list, one connection",
    path: "/api/articles?limit=20&",
};

impl Lineup<'_> {
    /// The origin of the caches.
    pub(crate) fn origin(&self) -> Outcome<Contestant> {
        let kind = Kind::Native {
            arguments: vec!["--threads".to_owned(), "per-core".to_owned()],
        };
        self.contestant("origin", Ok(self.files.native.clone()), kind)
    }

    /// The caches in front of `origin`, and the limit, a server with all responses in memory.
    pub(crate) fn caches(&self, origin: SocketAddr, asked: Asked) -> Outcome<Vec<Contestant>> {
        let edge = Kind::TerraceEdge {
            origins: vec![origin],
        };
        let terrace = self.contestant("terrace edge", Ok(self.files.terrace.clone()), edge)?;
        fs::write(terrace.folder.join("terrace.toml"), WITHOUT_ACCESS_LOG)?;
        let mut caches = vec![
            terrace,
            Contestant {
                aim: Some(AIM_OF_NGINX),
                ..self.peer("nginx proxy_cache", "nginx", Kind::NginxCache { origin })?
            },
            Contestant {
                aim: Some(AIM_OF_VARNISH),
                ..self.peer("Varnish", "varnishd", Kind::Varnish { origin })?
            },
            Contestant {
                name: "native hyper, no cache".to_owned(),
                ..self.origin()?
            },
        ];
        self.add_other_build(&mut caches)?;
        let caches = caches.into_iter();
        Ok(caches
            .map(|cache| Contestant {
                path: asked.path,
                ..cache
            })
            .collect())
    }

    /// The same for misses. The only aim here is the one for another build of Terrace.
    pub(crate) fn caches_without_aims(&self, origin: SocketAddr) -> Outcome<Vec<Contestant>> {
        let mut caches = self.caches(origin, MISSES)?;
        for cache in &mut caches {
            let is_peer = !matches!(cache.kind, Kind::TerraceEdge { .. });
            cache.aim = cache.aim.filter(|_| !is_peer);
        }
        Ok(caches)
    }

    /// Conduit with the cache of `terrace up`, and without.
    pub(crate) async fn conduit_behind_a_cache(&self) -> Outcome<Vec<Contestant>> {
        let with = self.seeded("terrace, conduit behind its cache", WITH_A_FULL_CACHE);
        let without = self.seeded("terrace, conduit without a cache", WITHOUT_CACHE);
        let ask = |contestant| Contestant {
            path: MISSES_OF_CONDUIT.path,
            expects: "\"articlesCount\":1000",
            ..contestant
        };
        Ok(vec![
            ask(with.await?),
            Contestant {
                aim: Some(AIM_OF_MISSES),
                ..ask(without.await?)
            },
        ])
    }
}
