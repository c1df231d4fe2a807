//! Sends one request on its own connection.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::limits::MAX_ANSWER_TIME;

/// Requests `path` and returns status and content.
///
/// # Errors
/// When there is no HTTP response within [`MAX_ANSWER_TIME`].
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    answer(address, &head).await
}

/// Sends JSON to `path` and returns status and content.
///
/// # Errors
/// When there is no HTTP response within [`MAX_ANSWER_TIME`].
pub(crate) async fn post(address: SocketAddr, path: &str, json: &str) -> io::Result<(u16, String)> {
    let length = json.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{json}"
    );
    answer(address, &request).await
}

async fn answer(address: SocketAddr, request: &str) -> io::Result<(u16, String)> {
    let answer = timeout(MAX_ANSWER_TIME, exchange(address, request)).await;
    let answer = answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    split(&answer).ok_or_else(|| io::Error::other(format!("no HTTP answer, but {answer:?}")))
}

async fn exchange(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn split(answer: &str) -> Option<(u16, String)> {
    let (head, content) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    Some((status.parse().ok()?, content.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn status_and_content_are_told_apart() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(split(answer), Some((200, "hi".to_owned())));
        assert_eq!(split("SSH-2.0"), None);
    }
}
