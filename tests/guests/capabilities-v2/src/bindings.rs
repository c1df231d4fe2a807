//! The bindings, generated from the WIT of this guest.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]

wit_bindgen::generate!({ path: "wit", world: "capabilities", generate_all });

pub(crate) use fermyon::spin::{key_value, sqlite, variables};
pub(crate) use wasi::config0_2_0_draft_2024_09_27::store as config_draft;
pub(crate) use wasi::config0_2_0_rc_1::store as config_rc;
pub(crate) use wasi::keyvalue::{atomics, batch, store as bucket};
