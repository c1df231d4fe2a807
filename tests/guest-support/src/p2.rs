//! `wasi:http` 0.2 for guests: the head and the content of a request, whole answers and streamed ones.

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream};

use crate::{Answer, Call};

/// The most that 0.2 lets a guest write in one blocking call.
pub const MAX_WRITE_BYTES: usize = 4096;
/// How much is read at once.
const READ_BYTES: u64 = 16 << 10;

/// Reads the head of a request.
#[must_use]
pub fn call(request: &IncomingRequest) -> Call {
    let fields = request.headers().entries().into_iter();
    let fields = fields.map(|(name, value)| {
        (
            name.to_lowercase(),
            String::from_utf8_lossy(&value).into_owned(),
        )
    });
    Call::new(
        &method(&request.method()),
        &request.path_with_query().unwrap_or_default(),
        fields.collect(),
    )
}

fn method(method: &Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name.clone(),
    }
}

/// Reads all pieces of a content; a content that ends early ends the reading.
pub fn read_pieces(body: &IncomingBody, mut each: impl FnMut(&[u8])) {
    let stream = body
        .stream()
        .expect("nobody else has taken the stream of this content");
    while let Some(piece) = next_piece(&stream) {
        each(&piece);
    }
}

fn next_piece(stream: &InputStream) -> Option<Vec<u8>> {
    stream.blocking_read(READ_BYTES).ok()
}

/// Reads the whole content of a request.
#[must_use]
pub fn read_all(request: &IncomingRequest) -> Vec<u8> {
    let body = request
        .consume()
        .expect("nobody else has taken the content of this request");
    let mut content = Vec::new();
    read_pieces(&body, |piece| content.extend_from_slice(piece));
    content
}

/// A response whose head has been sent.
pub struct Reply {
    // Declared before the content: the stream is a child of it and must go first.
    stream: OutputStream,
    body: OutgoingBody,
}

impl Reply {
    /// Sends the head.
    #[must_use]
    pub fn start(outparam: ResponseOutparam, status: u16, headers: &[(String, String)]) -> Self {
        let (response, reply) = Self::prepare(status, headers);
        ResponseOutparam::set(outparam, Ok(response));
        reply
    }

    /// Makes a response and its content without sending the head.
    #[must_use]
    pub fn prepare(status: u16, headers: &[(String, String)]) -> (OutgoingResponse, Self) {
        let fields = Fields::new();
        for (name, value) in headers {
            fields
                .append(name, value.as_bytes())
                .expect("a guest sets only fields that it may set");
        }
        let response = OutgoingResponse::new(fields);
        response
            .set_status_code(status)
            .expect("a guest sets only status codes that exist");
        let body = response
            .body()
            .expect("a new response has its content still");
        let stream = body.write().expect("a new content has its stream still");
        (response, Self { stream, body })
    }

    /// Sends a piece, waiting until it is taken. False when the client is gone.
    #[must_use]
    pub fn write(&self, piece: &[u8]) -> bool {
        piece
            .chunks(MAX_WRITE_BYTES)
            .all(|part| self.stream.blocking_write_and_flush(part).is_ok())
    }

    /// Ends the content.
    pub fn finish(self) {
        let Self { stream, body } = self;
        drop(stream);
        // The client may be gone by now, which is nothing the guest could change.
        let _ = OutgoingBody::finish(body, None);
    }
}

/// Sends a whole answer.
pub fn send(outparam: ResponseOutparam, answer: &Answer) {
    let reply = Reply::start(outparam, answer.status, &answer.headers);
    if reply.write(&answer.body) {
        reply.finish();
    }
}
