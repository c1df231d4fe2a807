//! `terrace edge`: a reverse proxy in front of an origin, on the same server as the app of `terrace up`.

mod message;
mod origin_service;
mod serving;

pub use serving::{EdgeOptions, EdgeServing};
