//! Who stands against whom as an HTTP cache, and what Terrace is to reach.

use std::{fs, net::SocketAddr};

use super::Lineup;
use crate::{
    Outcome,
    apps::{WITH_A_FULL_CACHE, WITHOUT_ACCESS_LOG, WITHOUT_CACHE},
    contestant::{Contestant, Kind},
};

/// How many hits Terrace is to answer compared with nginx, at least.
const AIM_OF_NGINX: f64 = 1.3;

/// The same compared with Varnish.
const AIM_OF_VARNISH: f64 = 1.6;

/// What is left of the requests per second of one connection when each is a miss: it adds a tenth to the time at most.
const AIM_OF_MISSES: f64 = 0.9;

/// What is asked of a cache, and the beginning of the answer.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// As it stands in the title.
    pub(crate) title: &'static str,
    pub(crate) path: &'static str,
}

/// What caches are asked for again and again.
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

/// What is asked for once, each time with another query.
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
    /// What stands behind the caches.
    pub(crate) fn origin(&self) -> Outcome<Contestant> {
        let kind = Kind::Native {
            threads: "per-core",
        };
        self.contestant("origin", Ok(self.files.native.clone()), kind)
    }

    /// The caches in front of `origin`, and a server that has all of it in memory, which is the limit.
    pub(crate) fn caches(&self, origin: SocketAddr, asked: Asked) -> Outcome<Vec<Contestant>> {
        let edge = Kind::TerraceEdge { origin };
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

    /// The same for misses, where nothing was promised about the peers, but for another build of Terrace.
    pub(crate) fn caches_without_aims(&self, origin: SocketAddr) -> Outcome<Vec<Contestant>> {
        let mut caches = self.caches(origin, MISSES)?;
        for cache in &mut caches {
            let is_peer = !matches!(cache.kind, Kind::TerraceEdge { .. });
            cache.aim = cache.aim.filter(|_| !is_peer);
        }
        Ok(caches)
    }

    /// Conduit behind the cache of `terrace up`, and without one.
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
