//! Reads the URL of NATS servers: `nats://USER:PASSWORD@HOST:PORT`, several with commas in between, `tls://…` with TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr};
use rustls::ClientConfig;
use rustls::crypto::ring;

use super::JetStreamOptions;
use crate::authorities;
use crate::limits::CONNECT_TIMEOUT;
use crate::queue::limits::MAX_RECONNECT_PAUSE;
use crate::sql::open::OpenError;

/// What users write.
const FORM: &str = "nats://USER@HOST:PORT, or tls:// for TLS; several with commas in between";

/// How often the server is asked whether it is there. Two answers may be missing.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// A URL that was read.
pub(super) struct Address {
    pub(super) servers: Vec<ServerAddr>,
    pub(super) options: ConnectOptions,
    /// For messages, without user and password.
    pub(super) shown: String,
}

impl Address {
    /// Reads a URL. The options' password replaces one in the URL.
    pub(super) fn read(url: &str, options: &JetStreamOptions) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let authorities = match query.split_once('=') {
            _ if query.is_empty() => None,
            Some(("sslrootcert", file)) if base.starts_with("tls:") => Some(PathBuf::from(file)),
            _ => return Err(wrong("it has a parameter that is not known")),
        };
        let servers = base.split(',').map(str::parse::<ServerAddr>);
        let servers: Vec<_> = servers
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("it cannot be read"))?;
        let is_secure = base.starts_with("tls:");
        if servers
            .iter()
            .any(|server| server.tls_required() != is_secure || server.is_websocket())
        {
            return Err(wrong("its servers are not all nats:// or all tls://"));
        }
        let mut connecting = ConnectOptions::new()
            .name("terrace")
            .connection_timeout(CONNECT_TIMEOUT)
            .request_timeout(None)
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempts| {
                let pause = Duration::from_millis(50) * u32::try_from(attempts).unwrap_or(u32::MAX);
                pause.min(MAX_RECONNECT_PAUSE)
            });
        let first = servers.first();
        let user = first.and_then(ServerAddr::username).map(str::to_owned);
        let password = first.and_then(ServerAddr::password).map(str::to_owned);
        if let Some(user) = user {
            let password = options.password.clone().or(password);
            connecting = connecting.user_and_password(user, password.unwrap_or_default());
        }
        if is_secure {
            connecting = connecting
                .require_tls(true)
                .tls_client_config(checking(authorities.as_deref())?);
        }
        let shown = servers.iter().map(|server| {
            let host = server.host();
            format!("nats://{host}:{}", server.port())
        });
        Ok(Self {
            shown: shown.collect::<Vec<_>>().join(","),
            servers,
            options: connecting,
        })
    }
}

fn checking(authorities: Option<&Path>) -> Result<ClientConfig, OpenError> {
    let roots =
        authorities::trusted(authorities).map_err(|message| OpenError::Authorities { message })?;
    let provider = Arc::new(ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| wrong(&error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn wrong(message: &str) -> OpenError {
    OpenError::Url {
        message: message.to_owned(),
        form: FORM,
    }
}

pub(super) fn unconnected(error: &ConnectError, server: String) -> OpenError {
    let message = error.to_string();
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            OpenError::Denied { server, message }
        }
        ConnectErrorKind::Tls => OpenError::Certificate {
            server,
            message,
            parameters: "`sslrootcert`",
        },
        _ => OpenError::Unreachable { server, message },
    }
}
