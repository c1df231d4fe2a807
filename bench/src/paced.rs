//! Sends messages at a rate, whatever the time that each takes, as wrk does not.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::try_join_all;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::{
    net::TcpStream,
    time::{interval, sleep, timeout},
};

use crate::{Outcome, limits::MAX_ANSWER_TIME};

/// A message.
const DATA: [u8; 1024] = [b'x'; 1024];

/// A load of messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Messages a second.
    pub(crate) rate: f64,
    /// Connections, among which the messages are divided.
    pub(crate) connections: u32,
    /// How long.
    pub(crate) duration: Duration,
}

impl Pace {
    /// Sends messages to `path`, and returns how many were accepted in each second.
    ///
    /// # Errors
    /// When a message was not accepted.
    pub(crate) async fn send(&self, address: SocketAddr, path: &str) -> Outcome<f64> {
        let began = Instant::now();
        let run = Timestamp::now().as_microsecond();
        let connections = (0..self.connections).map(async |connection| {
            // The connections take turns.
            sleep(Duration::from_secs_f64(f64::from(connection) / self.rate)).await;
            self.send_on_one(address, path, &format!("{run}-{connection}"))
                .await
        });
        let sent: u32 = try_join_all(connections).await?.into_iter().sum();
        Ok(f64::from(sent) / began.elapsed().as_secs_f64())
    }

    /// Sends the share of one connection.
    async fn send_on_one(&self, address: SocketAddr, path: &str, ids: &str) -> Outcome<u32> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ended, the requests on it show.
        tokio::spawn(connection);
        let pause = f64::from(self.connections) / self.rate;
        let mut times = interval(Duration::from_secs_f64(pause));
        let began = Instant::now();
        let mut sent = 0;
        loop {
            times.tick().await;
            if began.elapsed() >= self.duration {
                return Ok(sent);
            }
            let message = Request::post(path)
                .header(HOST, address.to_string())
                .header("ce-specversion", "1.0")
                .header("ce-source", "/bench")
                .header("ce-type", "bench.message")
                .header("ce-id", format!("{ids}-{sent}"))
                .body(Full::new(Bytes::from_static(&DATA)))?;
            let response = timeout(MAX_ANSWER_TIME, sender.send_request(message)).await??;
            let status = response.status();
            timeout(MAX_ANSWER_TIME, response.into_body().collect()).await??;
            if status != StatusCode::ACCEPTED {
                return Err(format!("a message got {status}").into());
            }
            sent += 1;
        }
    }
}
