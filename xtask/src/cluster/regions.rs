//! The rung of two regions: nodes, primary and most servers of JetStream in one, a replica of the database, a server of JetStream and an edge in each, and a shield before the nodes. What
//! goes from one region to the other takes its time.

use std::{fs, io, net::SocketAddr, path::Path};

use super::{Member, Options, Place, SERVED_LOCALLY, cache};
use crate::{
    Outcome,
    cluster::{
        link::{self, End},
        messages,
    },
    postgres,
    stores::{Nats, Redis},
};

/// Where the second edge serves.
const ANY_PORT: &str = "127.0.0.1:0";

/// What a region's servers share.
struct Stores {
    /// The database, as the nodes reach it.
    database: String,
    /// Its replicas, the near one first.
    replicas: [String; 2],
    redis: u16,
    /// Redis, as the other region reaches it.
    far_redis: u16,
    /// The servers of messages, as the nodes reach them.
    nats: String,
}

impl Stores {
    fn start(folder: &Path) -> Outcome<(Self, Redis, [Nats; messages::SERVERS])> {
        let home = folder.join("postgres");
        let database = postgres::serve_new(&home)?;
        let near = postgres::follow(&folder.join("replica-home"), &home, postgres::PORT)?;
        let replication = link::to(End::Socket(home.join(postgres::SOCKET)))?;
        let there = folder.join("replica-far");
        postgres::follow(&there, Path::new("127.0.0.1"), replication)?;
        let far = link::to(End::Socket(there.join(postgres::SOCKET)))?;
        let redis = Redis::start(folder)?;
        let (nats, url) = messages::start(folder)?;
        let stores = Self {
            database,
            replicas: [near, format!("postgres://app@127.0.0.1:{far}/postgres")],
            far_redis: linked(&format!("http://127.0.0.1:{}", redis.port))?,
            redis: redis.port,
            nats: url,
        };
        Ok((stores, redis, nats))
    }

    /// The settings of all servers, but for the shield of the edges.
    fn write_settings(&self, folder: &Path) -> io::Result<()> {
        let Self {
            database,
            replicas,
            nats,
            ..
        } = self;
        let queue = format!("[queue]\nurl = {nats:?}\nreplicas = 3\nledger = {database:?}\n");
        let node = format!(
            "{SERVED_LOCALLY}[sql.default]\nurl = {database:?}\nreplicas = {replicas:?}\nconnections = 8\n{queue}{}",
            cache(self.redis)
        );
        fs::write(folder.join("node.toml"), node)?;
        let shield = format!("{SERVED_LOCALLY}{}", cache(self.redis));
        fs::write(folder.join("shield.toml"), shield)
    }
}

/// The members of the two regions.
pub(super) struct Regions {
    pub(super) nodes: Vec<Member>,
    pub(super) shield: Member,
    pub(super) edges: [Member; 2],
    _redis: Redis,
    _nats: [Nats; messages::SERVERS],
}

impl Regions {
    /// Starts everything.
    ///
    /// # Errors
    /// When something does not start.
    pub(super) fn start(place: &Place, options: &Options) -> Outcome<Self> {
        let folder = &place.folder;
        let (stores, redis, nats) = Stores::start(folder)?;
        stores.write_settings(folder)?;
        let nodes = (1..=options.nodes).map(|number| place.node(number));
        let nodes = nodes.collect::<Outcome<Vec<_>>>()?;
        let origins: Vec<_> = nodes.iter().map(|node| node.http.clone()).collect();
        let shield = place.edge("shield", ANY_PORT, &origins)?;
        let near = edge_settings(stores.redis, &shield.http);
        fs::write(folder.join("edge-home.toml"), near)?;
        let home = place.edge("edge home", &options.listen.to_string(), &origins)?;
        let through = |http: &String| Ok(format!("http://127.0.0.1:{}", linked(http)?));
        let far = edge_settings(stores.far_redis, &through(&shield.http)?);
        fs::write(folder.join("edge-far.toml"), far)?;
        let origins = origins.iter().map(through).collect::<Outcome<Vec<_>>>()?;
        let away = place.edge("edge far", ANY_PORT, &origins)?;
        Ok(Self {
            nodes,
            shield,
            edges: [home, away],
            _redis: redis,
            _nats: nats,
        })
    }
}

/// A link to a server, by its URL.
fn linked(http: &str) -> Outcome<u16> {
    let address: SocketAddr = http.trim_start_matches("http://").parse()?;
    Ok(link::to(End::Address(address))?)
}

fn edge_settings(redis: u16, shield: &str) -> String {
    format!("{}[edge]\nshield = [{shield:?}]\n", cache(redis))
}
