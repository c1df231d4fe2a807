//! How an entry of `allowed_outbound_hosts` is written.

use ipnet::IpNet;

use super::{Grant, Host, Ports, Scheme, bare, well_known_port};
use crate::fault::Reason;

const FORM: &str = "write `scheme://host:port`, such as `https://api.example.com`, \
                    `https://*.example.com`, `http://10.0.0.0/8:8080` or `*://*:*`";

pub(super) fn grant(text: &str) -> Result<Grant, Reason> {
    if text == "insecure:allow-all" {
        let help = "write `*://*:*` if every host is really meant";
        return Err(Reason::new("`insecure:allow-all` is not allowed").help(help));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong(format!("`{text}` has no scheme"));
    };
    let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest))?;
    Ok(Grant {
        scheme: parse_scheme(scheme)?,
        host: parse_host(host)?,
        ports: parse_ports(port, scheme)?,
    })
}

fn wrong<T>(message: String) -> Result<T, Reason> {
    Err(Reason::new(message).help(FORM))
}

/// The host and, after the last colon, the port.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), Reason> {
    if authority.starts_with('[') {
        return split_bracketed(authority);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            let help = "write an IPv6 address in brackets: `http://[::1]:8080`";
            Err(Reason::new(format!("`{authority}` has several colons")).help(help))
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn split_bracketed(authority: &str) -> Result<(&str, Option<&str>), Reason> {
    let end = authority.find(']').map_or(0, |at| at + 1);
    let (host, after) = authority.split_at(end);
    match (host, after.strip_prefix(':')) {
        ("", _) => wrong(format!("`{authority}` has no closing bracket")),
        (host, Some(port)) => Ok((bare(host), Some(port))),
        (host, None) if after.is_empty() => Ok((bare(host), None)),
        _ => wrong(format!("`{after}` after the host is not a port")),
    }
}

fn parse_scheme(scheme: &str) -> Result<Scheme, Reason> {
    match scheme {
        "*" => Ok(Scheme::Any),
        "" => wrong("the scheme is empty".into()),
        _ if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Ok(Scheme::Only(scheme.to_ascii_lowercase()))
        }
        _ => wrong(format!("`{scheme}` is not a scheme")),
    }
}

fn parse_host(host: &str) -> Result<Host, Reason> {
    if let Some(network) = parse_network(host) {
        return Ok(network);
    }
    match host {
        "*" => return Ok(Host::Any),
        "self" | "self.alt" => return Ok(Host::OwnApp),
        "" => return wrong("the host is empty".into()),
        _ => {}
    }
    if host.contains('/') {
        return wrong(format!(
            "`{host}` has a path: a grant is for the whole host"
        ));
    }
    let (below, name) = match host.strip_prefix("*.") {
        Some(name) => (true, name.to_ascii_lowercase()),
        None => (false, host.to_ascii_lowercase()),
    };
    check_host_name(&name)?;
    Ok(if below {
        Host::Below(format!(".{name}"))
    } else {
        Host::Only(name)
    })
}

/// A network, or an address as a network of one, which also matches its other spellings.
fn parse_network(host: &str) -> Option<Host> {
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return Some(Host::Network(IpNet::from(address)));
    }
    let network: IpNet = host.parse().ok()?;
    Some(Host::Network(network.trunc()))
}

fn check_host_name(name: &str) -> Result<(), Reason> {
    if name.contains('*') {
        return wrong(format!(
            "`{name}`: `*` stands alone, or first as in `*.example.com`"
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(allowed) {
        return wrong(format!("`{name}` is not a host"));
    }
    Ok(())
}

fn parse_ports(port: Option<&str>, scheme: &str) -> Result<Ports, Reason> {
    let Some(port) = port else {
        let Some(port) = well_known_port(scheme) else {
            return wrong(format!(
                "the scheme `{scheme}` has no port of its own, so the entry needs one"
            ));
        };
        return Ok(single(port));
    };
    if port == "*" {
        return Ok(Ports::Any);
    }
    let range = match port.split_once("..") {
        Some((start, end)) => start.parse::<u16>().ok().zip(end.parse::<u16>().ok()),
        None => {
            return port
                .parse()
                .map(single)
                .or_else(|_| wrong(format!("`{port}` is not a port")));
        }
    };
    match range {
        Some((start, end)) if start < end => Ok(Ports::Within(start.into()..end.into())),
        _ => wrong(format!(
            "`{port}` is not a range of ports: `8000..8100` means 8000 to 8099"
        )),
    }
}

fn single(port: u16) -> Ports {
    let port = u32::from(port);
    Ports::Within(port..port + 1)
}
