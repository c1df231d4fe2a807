//! The servers of messages of two regions: NATS, three of them, of which each has all messages. Two are in the first region, so that
//! those are a majority without the other one.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use super::link::{self, End};
use crate::{
    Outcome,
    stores::{Nats, free_port, until},
    test_servers,
};

/// The time for a server to say how it is.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(5);

/// The servers, by their number. The last one is in the other region.
pub(super) const SERVERS: usize = 3;

/// The places of a server for the others.
struct Place {
    port: u16,
    /// The same, from the other region.
    link: u16,
    /// Where it tells whether it is well.
    health: u16,
}

/// Starts the servers. Returns them and the URL of those in the first region.
///
/// # Errors
/// When one does not start, or they do not find each other.
pub(super) fn start(folder: &Path) -> Outcome<([Nats; SERVERS], String)> {
    let program = test_servers::nats()?;
    let places = [place()?, place()?, place()?];
    let start = |number: usize| {
        let settings = settings(&places, number);
        Nats::start(&program, &folder.join(format!("nats-{number}")), &settings)
    };
    let servers = [start(0)?, start(1)?, start(2)?];
    for place in &places {
        let address = (Ipv4Addr::LOCALHOST, place.health).into();
        until("the NATS servers choose no leader", || {
            is_well(address).unwrap_or(false)
        })?;
    }
    let url = format!("{},{}", servers[0].url, servers[1].url);
    Ok((servers, url))
}

fn place() -> Outcome<Place> {
    let port = free_port()?;
    let link = link::to(End::Address((Ipv4Addr::LOCALHOST, port).into()))?;
    let health = free_port()?;
    Ok(Place { port, link, health })
}

/// The settings of a server as one of several.
fn settings(places: &[Place; SERVERS], number: usize) -> String {
    let is_far = |number| number == SERVERS - 1;
    let others = places.iter().enumerate();
    let others = others.filter(|(other, _)| *other != number);
    let routes = others.map(|(other, place)| {
        let is_linked = is_far(number) != is_far(other);
        let port = if is_linked { place.link } else { place.port };
        format!("\"nats-route://127.0.0.1:{port}\"")
    });
    let routes = routes.collect::<Vec<_>>().join(", ");
    let Place { port, link, health } = places[number];
    // The address that the servers tell each other is that of the link; within the region they have another one already.
    format!(
        "http: \"127.0.0.1:{health}\"\nserver_name: \"nats-{number}\"\n\
         cluster {{ name: terrace, listen: \"127.0.0.1:{port}\", advertise: \"127.0.0.1:{link}\", no_advertise: true, routes: [{routes}] }}\n"
    )
}

/// Whether a server knows the leader.
fn is_well(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, MAX_ANSWER_TIME)?;
    stream.set_read_timeout(Some(MAX_ANSWER_TIME))?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1) == Some("200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_two_regions_reach_each_other_by_links() {
        let place = |port| Place {
            port,
            link: port + 1,
            health: port + 2,
        };
        let places = [place(10), place(20), place(30)];
        let routes = |number| {
            let settings = settings(&places, number);
            let routes = settings.split("routes: ").nth(1).unwrap().to_owned();
            routes
                .split('"')
                .skip(1)
                .step_by(2)
                .map(|route| route.rsplit(':').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(routes(0), ["20", "31"]);
        assert_eq!(routes(1), ["10", "31"]);
        assert_eq!(routes(2), ["11", "21"]);
    }

    #[test]
    fn servers_choose_a_leader() {
        let folder = tempfile::tempdir().unwrap();
        let (servers, url) = start(folder.path()).unwrap();
        assert_eq!(url, format!("{},{}", servers[0].url, servers[1].url));
    }
}
