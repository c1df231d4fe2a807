//! The limit of conduit: a native hyper server with conduit's statements and JSON, on SQLite or on Postgres, without
//! WebAssembly, tokens, limits or logs. It also fills a Postgres database with the rows of an SQLite file.

mod content;
mod postgres;
mod sqlite;
mod statements;

use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use clap::Parser;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use crate::content::{Article, Articles, Comment};

/// The result of a step. People read the errors, so they are boxed messages and not types.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The author of all comments. Conduit takes it from the token.
const AUTHOR: i64 = 1;

/// Whom nobody is: ids begin at 1.
const NOBODY: i64 = 0;

/// Articles on a page, as in conduit.
const PAGE_ARTICLES: i64 = 20;

/// A field value as long as the request id that Terrace adds.
const REQUEST_ID: HeaderValue = HeaderValue::from_static("00000000000000000000000000000000");

/// Serves three requests of conduit.
#[derive(Parser)]
struct Options {
    /// The SQLite file.
    #[arg(long)]
    sqlite: Option<PathBuf>,
    /// The URL of the Postgres database; with `--sqlite`, its rows are copied there first.
    #[arg(long)]
    postgres: Option<String>,
    /// The address to listen at; without it, nothing is served.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// The database.
enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}

#[tokio::main]
async fn main() -> Outcome {
    let options = Options::parse();
    let engine = match (&options.sqlite, &options.postgres) {
        (Some(file), None) => Engine::Sqlite(sqlite::Engine::open(file)?),
        (file, Some(url)) => {
            if let Some(file) = file {
                postgres::fill(file, url).await?;
            }
            Engine::Postgres(postgres::Engine::connect(url).await?)
        }
        (None, None) => return Err("name a database with --sqlite or --postgres".into()),
    };
    let Some(address) = options.listen else {
        return Ok(());
    };
    let engine = Arc::new(engine);
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, Arc::clone(&engine)));
    }
}

async fn serve(stream: TcpStream, engine: Arc<Engine>) {
    let answer = |request| {
        let engine = Arc::clone(&engine);
        // In a task of its own: a client that leaves must not leave a transaction open.
        tokio::spawn(async move { answer(request, &engine).await })
    };
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    // It ends when its client leaves, which is not an error.
    drop(connection.await);
}

async fn answer(request: Request<Incoming>, engine: &Engine) -> Response<Full<Bytes>> {
    let answered = routed(request, engine).await;
    let (status, content) = answered.unwrap_or_else(|error| {
        let content = error.to_string().into_bytes();
        (StatusCode::INTERNAL_SERVER_ERROR, content)
    });
    let mut response = Response::new(Full::new(content.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(HeaderName::from_static("x-request-id"), REQUEST_ID);
    response
}

async fn routed(request: Request<Incoming>, engine: &Engine) -> Outcome<(StatusCode, Vec<u8>)> {
    #[derive(Serialize)]
    struct Found {
        article: Article,
    }
    let path = request.uri().path();
    let rest = path.strip_prefix("/api/articles").unwrap_or_default();
    let slug = rest.trim_start_matches('/').to_owned();
    if let Some(slug) = slug.strip_suffix("/comments")
        && request.method() == Method::POST
    {
        return comment(request, engine, slug).await;
    }
    if slug.is_empty() {
        let articles = match engine {
            Engine::Sqlite(engine) => engine.page(PAGE_ARTICLES)?,
            Engine::Postgres(engine) => engine.page(PAGE_ARTICLES).await?,
        };
        return Ok((StatusCode::OK, serde_json::to_vec::<Articles>(&articles)?));
    }
    let article = match engine {
        Engine::Sqlite(engine) => engine.article(&slug)?,
        Engine::Postgres(engine) => engine.article(&slug).await?,
    };
    match article {
        Some(article) => Ok((StatusCode::OK, serde_json::to_vec(&Found { article })?)),
        None => Ok((StatusCode::NOT_FOUND, Vec::new())),
    }
}

async fn comment(
    request: Request<Incoming>,
    engine: &Engine,
    slug: &str,
) -> Outcome<(StatusCode, Vec<u8>)> {
    #[derive(Deserialize)]
    struct Content {
        comment: New,
    }
    #[derive(Deserialize)]
    struct New {
        body: String,
    }
    #[derive(Serialize)]
    struct Created {
        comment: Comment,
    }
    let content = request.into_body().collect().await?.to_bytes();
    let Content { comment: new } = serde_json::from_slice(&content)?;
    let now = format!("{:.3}", Timestamp::now());
    let comment = match engine {
        Engine::Sqlite(engine) => engine.comment(slug, &new.body, &now)?,
        Engine::Postgres(engine) => engine.comment(slug, &new.body, &now).await?,
    };
    let content = serde_json::to_vec(&Created { comment })?;
    Ok((StatusCode::CREATED, content))
}
