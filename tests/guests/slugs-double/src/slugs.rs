//! The export. Titles say what is asked for.

use bindings::exports::terrace::text::slugs::Guest;

/// The bindings, generated from the WIT of the component that this one stands in for.
mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        clippy::all,
        reason = "generated"
    )]

    wit_bindgen::generate!({ path: "../../../functions/slugs/wit", world: "slugger" });
}

struct Slugs;

impl Guest for Slugs {
    fn slug(title: String) -> String {
        match title.as_str() {
            "environment" => format!("{:?}", std::env::vars().collect::<Vec<_>>()),
            "file" => format!("{:?}", std::fs::read_to_string("/secret.txt").ok()),
            "trap" => std::process::abort(),
            _ => format!("double-of-{title}"),
        }
    }
}

#[allow(
    unsafe_code,
    reason = "exporting a function to the host is unsafe by its attribute"
)]
mod export {
    use super::{Slugs, bindings};
    bindings::export!(Slugs with_types_in bindings);
}
