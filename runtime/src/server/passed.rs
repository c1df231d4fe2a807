//! Owns the listening sockets that a service manager keeps and passes to this process, by the protocol of sd_listen_fds(3).
//! They are used like those of a predecessor, which is left to `handover`.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use super::addresses::{Addresses, LISTENERS, Purpose};
use crate::environment;

/// The variable with the number of sockets.
const COUNT: &str = "LISTEN_FDS";

/// The variable with the process that they are for.
const PROCESS: &str = "LISTEN_PID";

/// The variable with their names, with a colon between two.
const NAMES: &str = "LISTEN_FDNAMES";

/// The variables of the protocol. They are for this process, and not for those that it starts.
pub(crate) const VARIABLES: [&str; 3] = [COUNT, PROCESS, NAMES];

/// The descriptor of the first socket; the others follow.
const FIRST: usize = 3;

/// The listening sockets that this process was started with. The service manager keeps them open, so connections wait while no
/// process serves.
#[derive(Debug, Default)]
pub struct PassedSockets(Vec<Passed>);

#[derive(Debug)]
struct Passed {
    /// Its name, if it has one.
    purpose: Option<Purpose>,
    address: SocketAddr,
    socket: TcpListener,
}

/// Why the sockets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// The number is none, or too high.
    #[error(
        "`LISTEN_FDS` is `{0}`, and not a number of sockets from 1 to {LISTENERS}; give this service sockets for `http`, `https` and `admin` only"
    )]
    Count(String),
    /// There are more or fewer names than sockets.
    #[error(
        "`LISTEN_FDNAMES` has {names} names, and `LISTEN_FDS` says {count}; set both, or no names"
    )]
    Names {
        /// How many names there are.
        names: usize,
        /// How many sockets there are.
        count: usize,
    },
    /// No listener has this name.
    #[error(
        "a socket has the name `{0}`; name it `http`, `https` or `admin` (`FileDescriptorName` of the socket unit), or not at all"
    )]
    Name(String),
    /// It is no socket, or another kind of socket.
    #[error(
        "descriptor {descriptor} should be a TCP socket that listens: {source}; use `ListenStream=ADDRESS:PORT` and `Accept=no` in the socket unit"
    )]
    Socket {
        /// Its number.
        descriptor: usize,
        /// What is wrong with it.
        source: io::Error,
    },
    /// No setting names its address, and it has no name.
    #[error(
        "a socket listens on {0}, which is no address of the settings; change one of the two, or name it (`FileDescriptorName=http` in the socket unit)"
    )]
    Address(SocketAddr),
    /// The settings ask for no such listener.
    #[error(
        "the socket on {0} is for `{1}`, which the settings do not ask for; add it to [listen], or remove the socket unit"
    )]
    Unwanted(SocketAddr, Purpose),
    /// Another socket is for the same.
    #[error("two sockets are for `{0}`; keep one of them")]
    Twice(Purpose),
    /// There are too few file descriptors.
    #[error(
        "a socket that was passed cannot be used: {0}; raise the limits of the process (`ulimit -n`)"
    )]
    Clone(#[source] io::Error),
}

impl PassedSockets {
    /// The sockets that the environment tells of, which is then without these variables. There are none if they are for another
    /// process. Call it before there are other threads, and before something is started that would inherit the sockets.
    ///
    /// # Errors
    ///
    /// If what is passed are not sockets of this server.
    pub fn from_environment() -> Result<Self, PassedError> {
        let Some(count) = environment::variable(COUNT) else {
            return Ok(Self::default());
        };
        if environment::variable(PROCESS) != Some(process::id().to_string()) {
            return Ok(Self::default());
        }
        let count = number(&count)?;
        let names = match environment::variable(NAMES) {
            Some(names) => purposes(&names, count)?,
            None => vec![None; count],
        };
        let mut descriptors = ListenFd::from_env();
        let passed = names.into_iter().enumerate().map(|(index, purpose)| {
            let taken = listener(&mut descriptors, index);
            let (socket, address) = taken.map_err(|source| PassedError::Socket {
                descriptor: FIRST + index,
                source,
            })?;
            Ok(Passed {
                purpose,
                address,
                socket,
            })
        });
        passed.collect::<Result<_, _>>().map(Self)
    }

    /// Gives each socket to a listener: the one that it is named after, else the one that is to have its address. These then have the
    /// addresses of their sockets.
    ///
    /// # Errors
    ///
    /// If a socket is for no listener, or two are for the same.
    pub fn assign(&self, addresses: &mut Addresses) -> Result<Vec<TcpListener>, PassedError> {
        let asked = *addresses;
        let mut given = Vec::new();
        let assigned = self.0.iter().map(|passed| {
            let address = passed.address;
            let purpose = passed.purpose.or_else(|| asked.purpose(address));
            let purpose = purpose.ok_or(PassedError::Address(address))?;
            if given.contains(&purpose) {
                return Err(PassedError::Twice(purpose));
            }
            if !addresses.replace(purpose, address) {
                return Err(PassedError::Unwanted(address, purpose));
            }
            given.push(purpose);
            passed.socket.try_clone().map_err(PassedError::Clone)
        });
        assigned.collect()
    }
}

fn number(text: &str) -> Result<usize, PassedError> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=LISTENERS).contains(number));
    number.ok_or_else(|| PassedError::Count(text.to_owned()))
}

fn purposes(text: &str, count: usize) -> Result<Vec<Option<Purpose>>, PassedError> {
    let purposes: Vec<_> = text.split(':').map(purpose).collect::<Result<_, _>>()?;
    let names = purposes.len();
    if names != count {
        return Err(PassedError::Names { names, count });
    }
    Ok(purposes)
}

/// What a socket with this name is for. systemd names one that has no name after its unit.
fn purpose(name: &str) -> Result<Option<Purpose>, PassedError> {
    if name.is_empty() || name == "unknown" || name.ends_with(".socket") {
        return Ok(None);
    }
    let purpose = Purpose::named(name);
    let purpose = purpose.ok_or_else(|| PassedError::Name(name.to_owned()));
    purpose.map(Some)
}

/// Takes a descriptor, if it is a socket that listens.
fn listener(descriptors: &mut ListenFd, index: usize) -> io::Result<(TcpListener, SocketAddr)> {
    let taken = descriptors.take_tcp_listener(index)?;
    let socket = taken.ok_or_else(|| io::Error::other("it is taken already"))?;
    if !socket_acceptconn(&socket)? {
        return Err(io::Error::other("it is a socket that does not listen"));
    }
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(sockets: &[(Option<Purpose>, &str)]) -> PassedSockets {
        let sockets = sockets.iter().map(|(purpose, address)| {
            let socket = TcpListener::bind(address).unwrap();
            let address = socket.local_addr().unwrap();
            Passed {
                purpose: *purpose,
                address,
                socket,
            }
        });
        PassedSockets(sockets.collect())
    }

    fn asked() -> Addresses {
        Addresses {
            http: "127.0.0.1:3000".parse().unwrap(),
            https: None,
            admin: Some("127.0.0.1:3001".parse().unwrap()),
        }
    }

    fn assigned(sockets: &[(Option<Purpose>, &str)]) -> String {
        let assigned = passed(sockets).assign(&mut asked());
        assigned.unwrap_err().to_string()
    }

    #[test]
    fn names_of_listeners_are_known_and_names_of_units_are_none() {
        let purposes = |text, count| purposes(text, count).map_err(|error| error.to_string());
        let named = purposes("http:terrace@a.socket:admin", 3);
        assert_eq!(
            named,
            Ok(vec![Some(Purpose::Http), None, Some(Purpose::Admin)])
        );
        assert_eq!(purposes("", 1), Ok(vec![None]));
        assert_eq!(
            purposes("unknown:https", 2),
            Ok(vec![None, Some(Purpose::Https)])
        );
        assert!(purposes("http", 2).unwrap_err().contains("has 1 names"));
        assert!(purposes("metrics", 1).unwrap_err().contains("`metrics`"));
    }

    #[test]
    fn a_number_of_sockets_is_within_the_listeners_of_a_server() {
        assert_eq!(number("3").unwrap(), 3);
        for text in ["", "0", "-1", "4", "1 ", "4294967297", "two"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_named_socket_replaces_an_address_and_another_one_is_found_by_it() {
        let mut addresses = asked();
        let unnamed = passed(&[(Some(Purpose::Http), "127.0.0.1:0"), (None, "127.0.0.2:0")]);
        addresses.admin = Some(unnamed.0[1].address);
        let sockets = unnamed.assign(&mut addresses).unwrap();
        assert_eq!(sockets.len(), 2);
        assert_eq!(addresses.http, unnamed.0[0].address);
        assert_eq!(addresses.admin, Some(unnamed.0[1].address));
    }

    #[test]
    fn a_socket_for_no_listener_is_refused() {
        assert!(assigned(&[(None, "127.0.0.1:0")]).contains("no address of the settings"));
        let https = [(Some(Purpose::Https), "127.0.0.1:0")];
        assert!(assigned(&https).contains("do not ask for"));
        let http = (Some(Purpose::Http), "127.0.0.1:0");
        assert!(assigned(&[http, http]).contains("two sockets are for `http`"));
    }
}
