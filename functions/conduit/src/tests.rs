//! The API from outside: a request in, a response out, on the native host.

mod support;

mod articles;
mod caching;
mod comments;
mod favorites;
mod http;
mod lists;
mod migrations;
mod profiles;
mod queries;
mod statements;
mod users;
mod workflows;
